//! Lists and counts, as calls and from rows.

use bytes::Bytes;
use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::page::{After, Place};
use duroxide_core::providers::{
    ActivityKey, ActivityPage, ActivityRecord, Incarnation, Inspect, Inspection, InstanceFilter,
    InstanceHead, InstanceId, InstancePage, ListActivities, ListOrder, MessageId, MessageRecord,
    PageCursor, QueueDepths, QueueLoad, Standing, StoreMetrics, SystemMetrics, TaskQueue, check,
    prefix_end,
};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};

use crate::codes::{self, bounded, bounded_size, row_limit};
use crate::schema::Statement;
use crate::setup::Setup;
use crate::turn::storable;
use crate::{channel, head};

/// The call that lists instances (ADM-01, ADM-04 to ADM-06).
pub(crate) fn instances(
    setup: &Setup,
    filter: &InstanceFilter,
    after: &After,
) -> Statement<'static> {
    /// Behind every id.
    const LAST_ID_CHARACTERS: usize = InstanceId::BYTES_MAX / 4 + 1;
    let (is_newest_first, after_ino, after_id) = match after {
        // No id is empty.
        After::Id(id) => (false, 0, id.clone().map(String::from).unwrap_or_default()),
        After::Number(row) => (true, bounded(*row), String::new()),
    };
    let end = prefix_end(&filter.id_prefix);
    let mut end = end.unwrap_or_else(|| char::MAX.to_string().repeat(LAST_ID_CHARACTERS));
    // No instance has what the server cannot store.
    let texts = [
        Some(&*filter.id_prefix),
        filter.orchestration.as_deref(),
        filter.queue.as_ref().map(TaskQueue::as_str),
    ];
    if texts
        .into_iter()
        .flatten()
        .any(|text| storable(text) != text)
    {
        end.clear();
    }
    let statuses = filter.statuses.iter().copied();
    let statuses: Vec<i16> = statuses.map(codes::of_instance_status).collect();
    let owned = |text: Option<&str>| text.map(|text| storable(text).to_owned());
    let (keys, values): (Vec<_>, Vec<_>) = filter
        .labels
        .iter()
        .map(|(key, value)| (key.clone().into_bytes(), value.clone().into_bytes()))
        .unzip();
    let call = setup.functions.instances.call();
    call.bind(is_newest_first)
        .bind(after_ino)
        .bind(after_id)
        .bind(storable(&filter.id_prefix).to_owned())
        .bind(storable(&end).to_owned())
        .bind((!statuses.is_empty()).then_some(statuses))
        .bind(filter.suspended)
        .bind(owned(filter.orchestration.as_deref()))
        .bind(owned(filter.queue.as_ref().map(TaskQueue::as_str)))
        .bind(filter.parent.as_ref().map(|id| id.as_str().to_owned()))
        .bind(keys)
        .bind(values)
        .bind(filter.with_outputs)
        .bind(row_limit(check::page_rows(filter.instances_max)))
        .bind(row_limit(PAGE_ROWS_MAX))
}

pub(crate) fn instances_of_rows(rows: &[PgRow], order: ListOrder) -> Result<InstancePage, Error> {
    let (summary, instances) = rows.split_last().ok_or(Error::RowNotFound)?;
    let instances = instances.iter().map(head::record_of_row);
    Ok(InstancePage {
        instances: instances.collect::<Result<_, _>>()?,
        next: match order {
            ListOrder::ById => {
                let id: Option<&str> = summary.try_get("next_id")?;
                id.map(|id| PageCursor::of(&id))
            }
            ListOrder::NewestFirst => {
                let row: Option<i64> = summary.try_get("next_ino")?;
                row.map(|row| PageCursor::of(&row))
            }
        },
    })
}

/// The call that looks at an instance (ADM-07, ADM-08).
pub(crate) fn inspect(
    setup: &Setup,
    request: &Inspect,
    after: Option<&Place>,
) -> Statement<'static> {
    // Before every channel.
    let first = (Some(Vec::new()), 0, 0);
    let ((channel, due_ms, seq), (execution, activity_id)) = match after {
        None => (first, (0, 0)),
        Some(Place::Message {
            channel,
            due_at_ms,
            arrival,
        }) => {
            let channel = Some(channel::of(channel));
            ((channel, bounded(*due_at_ms), bounded(*arrival)), (0, 0))
        }
        // Nothing comes behind a place that is none.
        Some(Place::Activity {
            execution,
            activity_id,
        }) => ((None, 0, 0), (bounded(*execution), bounded(*activity_id))),
    };
    let call = setup.functions.inspect.call();
    call.bind(request.instance.as_str().to_owned())
        .bind(channel)
        .bind(due_ms)
        .bind(seq)
        .bind(execution)
        .bind(activity_id)
        .bind(row_limit(check::page_rows(request.items_max)))
        .bind(bounded_size(request.bytes_max))
        .bind(request.with_bodies)
}

pub(crate) fn inspection_of_rows(rows: &[PgRow]) -> Result<Option<Inspection>, Error> {
    let Some((first, items)) = rows.split_first() else {
        return Ok(None);
    };
    let attempts: i32 = first.try_get("attempts")?;
    let claim_at_ms: Option<i64> = first.try_get("claim_at")?;
    let is_leased = first.try_get("is_leased")?;
    let hold_until_ms: i64 = first.try_get("hold_until")?;
    let at_ms: i64 = first.try_get("seq")?;
    let mut record = head::record_of_row(first)?;
    record.head.note = head::note(first)?;
    let mut inspection = Inspection {
        record,
        standing: Standing {
            claimable_from_ms: claim_at_ms.map(codes::unsigned).transpose()?,
            held_until_ms: (hold_until_ms > at_ms)
                .then(|| codes::unsigned(hold_until_ms))
                .transpose()?,
            is_leased,
            attempts: attempts.unsigned_abs(),
        },
        messages: Vec::new(),
        activities: Vec::new(),
        next: None,
    };
    let mut last = None;
    for row in items {
        let kind: i16 = row.try_get("kind")?;
        last = Some(if kind == 1 {
            let message = message(row)?;
            let place = Place::Message {
                channel: message.channel.clone(),
                due_at_ms: message.due_at_ms,
                arrival: codes::unsigned(row.try_get("seq")?)?,
            };
            inspection.messages.push(message);
            place
        } else {
            let InstanceHead {
                instance,
                incarnation,
                ..
            } = &inspection.record.head;
            let activity = activity(row, instance.clone(), *incarnation)?;
            let place = Place::Activity {
                execution: activity.key.execution,
                activity_id: activity.key.activity_id,
            };
            inspection.activities.push(activity);
            place
        });
    }
    if first.try_get("is_left")? {
        inspection.next = last.as_ref().map(Place::cursor);
    }
    Ok(Some(inspection))
}

fn message(row: &PgRow) -> Result<MessageRecord, Error> {
    let execution: Option<i64> = row.try_get("execution")?;
    Ok(MessageRecord {
        id: MessageId(row.try_get("message_id")?),
        channel: channel::read(row.try_get("channel")?)?,
        execution: execution.map(codes::unsigned).transpose()?,
        due_at_ms: codes::unsigned(row.try_get("claim_at")?)?,
        body_bytes: size(row, "body_bytes")?,
        body: body(row)?,
    })
}

fn activity(
    row: &PgRow,
    instance: InstanceId,
    incarnation: Incarnation,
) -> Result<ActivityRecord, Error> {
    let attempts: i32 = row.try_get("attempts")?;
    Ok(ActivityRecord {
        key: ActivityKey {
            instance,
            incarnation,
            execution: codes::unsigned(row.try_get("execution")?)?,
            activity_id: codes::unsigned(row.try_get("activity_id")?)?,
        },
        queue: TaskQueue::from(row.try_get::<&str, _>("queue")?),
        attempts: attempts.unsigned_abs(),
        claimable_from_ms: codes::unsigned(row.try_get("claim_at")?)?,
        is_leased: row.try_get("is_leased")?,
        body_bytes: size(row, "body_bytes")?,
        body: body(row)?,
        details_bytes: size(row, "details_bytes")?,
        details: row
            .try_get::<Option<Vec<u8>>, _>("details")?
            .map(Bytes::from),
    })
}

fn body(row: &PgRow) -> Result<Option<Bytes>, Error> {
    let body: Option<Vec<u8>> = row.try_get("body")?;
    Ok(body.map(Bytes::from))
}

fn size(row: &PgRow, column: &str) -> Result<usize, Error> {
    let size: i64 = row.try_get(column)?;
    usize::try_from(size).map_err(|error| Error::Decode(error.into()))
}

/// The call that lists the activities of a queue (ADM-09).
pub(crate) fn activities(
    setup: &Setup,
    request: &ListActivities,
    after: Option<(i64, i64)>,
) -> Statement<'static> {
    let (after_ms, after_id) = after.unwrap_or((i64::MIN, i64::MIN));
    let call = setup.functions.activities.call();
    call.bind(request.queue.as_str().to_owned())
        .bind(after_ms)
        .bind(after_id)
        .bind(row_limit(check::page_rows(request.activities_max)))
        .bind(bounded_size(request.bytes_max))
        .bind(request.with_bodies)
}

pub(crate) fn activities_of_rows(rows: &[PgRow]) -> Result<ActivityPage, Error> {
    let (summary, rows) = rows.split_last().ok_or(Error::RowNotFound)?;
    let mut page = ActivityPage::default();
    let mut last: Option<(i64, i64)> = None;
    for row in rows {
        last = Some((row.try_get("claim_at")?, row.try_get("id")?));
        let instance = head::instance_id(row, "instance")?;
        let incarnation = Incarnation(row.try_get("incarnation")?);
        page.activities.push(activity(row, instance, incarnation)?);
    }
    if summary.try_get("is_left")? {
        page.next = last.map(|place| PageCursor::of(&place));
    }
    Ok(page)
}

pub(crate) fn metrics_of_rows(rows: &[PgRow]) -> Result<StoreMetrics, Error> {
    let mut metrics = StoreMetrics::default();
    for row in rows {
        let kind: i16 = row.try_get("kind")?;
        let count = |column: &str| codes::unsigned(row.try_get(column)?);
        if kind == 0 {
            metrics.totals = SystemMetrics {
                total_instances: count("instances")?,
                total_executions: count("executions")?,
                running_instances: count("running")?,
                completed_instances: count("completed")?,
                failed_instances: count("failed")?,
                total_events: count("events")?,
            };
            metrics.depths = QueueDepths {
                orchestrator_queue: size(row, "visible")?,
                worker_queue: size(row, "activities")?,
                timer_queue: size(row, "delayed")?,
            };
            continue;
        }
        let oldest_waits_ms: Option<i64> = row.try_get("oldest_waits_ms")?;
        let load = QueueLoad {
            queue: TaskQueue::from(row.try_get::<&str, _>("queue")?),
            claimable: count("claimable")?,
            later: count("later")?,
            oldest_waits_ms: oldest_waits_ms.map(codes::unsigned).transpose()?,
        };
        if kind == 1 {
            metrics.turn_queues.push(load);
        } else {
            metrics.activity_queues.push(load);
        }
    }
    QueueLoad::sort(&mut metrics.turn_queues);
    QueueLoad::sort(&mut metrics.activity_queues);
    Ok(metrics)
}
