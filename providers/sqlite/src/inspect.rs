//! Looking at one instance, or at one queue of activities.

use bytes::Bytes;
use duroxide_core::providers::page::{Place, Room};
use duroxide_core::providers::{
    ActivityKey, ActivityPage, ActivityRecord, Channel, Incarnation, Inspect, Inspection,
    InstanceHead, InstanceId, InstanceRecord, ListActivities, MessageId, MessageRecord, PageCursor,
    Standing, TaskQueue,
};
use rusqlite::{Row, ToSql, params};

use crate::channel::{self, Code};
use crate::codes::bounded;
use crate::head::{self, HEAD_COLUMNS, head_columns, note_column};
use crate::listing;
use crate::sql::Sql;

const INSTANCE: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", ino, claim_at, hold_until, lease_token IS NOT NULL, attempts, ",
    note_column!(),
    " FROM instance WHERE id = ?1"
);
const MESSAGES: &str = "SELECT channel, due_at, seq, message_id, execution, length(body),
         CASE WHEN ?5 THEN body END
     FROM inbox WHERE ino = ?1 AND (channel, due_at, seq) > (?2, ?3, ?4)
     ORDER BY channel, due_at, seq";
/// The columns that [`activity_of`] reads, in its order.
macro_rules! activity_columns {
    () => {
        "activity.execution, activity.activity_id, activity.queue, activity.attempts, \
         activity.claim_at, activity.lease_token IS NOT NULL, length(activity.body), \
         CASE WHEN ?1 THEN activity.body END, \
         CASE WHEN activity.has_details \
             THEN (SELECT length(d.details) FROM details d WHERE d.id = activity.id) ELSE 0 END, \
         CASE WHEN ?1 AND activity.has_details \
             THEN (SELECT d.details FROM details d WHERE d.id = activity.id) END"
    };
}
const OF_INSTANCE: &str = concat!(
    "SELECT ",
    activity_columns!(),
    " FROM activity WHERE ino = ?2 AND (execution, activity_id) > (?3, ?4)
     ORDER BY execution, activity_id"
);
const OF_QUEUE: &str = concat!(
    "SELECT ",
    activity_columns!(),
    ", activity.id, instance.id, instance.incarnation
     FROM activity JOIN instance ON instance.ino = activity.ino
     WHERE activity.queue = ?2 AND (activity.claim_at, activity.id) > (?3, ?4)
     ORDER BY activity.claim_at, activity.id"
);

/// An instance with a page of what it has (ADM-07, ADM-08).
pub(crate) fn inspect(
    sql: &Sql,
    request: &Inspect,
    after: Option<&Place>,
    now_ms: u64,
) -> rusqlite::Result<Option<Inspection>> {
    // What it has is read while this statement is open, so that all of it is of one state.
    sql.first(INSTANCE, [request.instance.as_str()], |row| {
        let mut head = head::of_row(row)?;
        head.output = head.output.filter(|_| request.with_bodies);
        let ino = row.get(HEAD_COLUMNS)?;
        head.note = head::note(row, HEAD_COLUMNS + 5)?;
        let labels = listing::labels(sql, ino)?;
        let mut inspection = Inspection {
            standing: standing(row, now_ms)?,
            record: InstanceRecord { head, labels },
            messages: Vec::new(),
            activities: Vec::new(),
            next: None,
        };
        let mut page = Page {
            room: Room::new(request.items_max, request.bytes_max).with_bodies(request.with_bodies),
            last: None,
        };
        let is_among_activities = matches!(after, Some(Place::Activity { .. }));
        let is_left = !is_among_activities
            && messages(sql, ino, (request, after), &mut page, &mut inspection)?;
        if is_left
            || activities_of(
                sql,
                ino,
                (request, after, now_ms),
                &mut page,
                &mut inspection,
            )?
        {
            inspection.next = page.last.as_ref().map(Place::cursor);
        }
        Ok(inspection)
    })
}

/// A page, as it grows.
struct Page {
    room: Room,
    last: Option<Place>,
}

fn standing(row: &Row<'_>, now_ms: u64) -> rusqlite::Result<Standing> {
    let hold_until_ms: u64 = row.get(HEAD_COLUMNS + 2)?;
    let is_held = hold_until_ms > now_ms;
    Ok(Standing {
        claimable_from_ms: row.get(HEAD_COLUMNS + 1)?,
        held_until_ms: is_held.then_some(hold_until_ms),
        is_leased: is_held && row.get(HEAD_COLUMNS + 3)?,
        attempts: row.get(HEAD_COLUMNS + 4)?,
    })
}

/// Takes messages while there is room; whether some are left.
fn messages(
    sql: &Sql,
    ino: i64,
    (request, after): (&Inspect, Option<&Place>),
    page: &mut Page,
    inspection: &mut Inspection,
) -> rusqlite::Result<bool> {
    // Before every channel.
    const FIRST: i64 = -1;
    let (channel, due_at_ms, seq): (Box<dyn ToSql + '_>, _, _) = match after {
        Some(Place::Message {
            channel,
            due_at_ms,
            arrival,
        }) => (Box::new(Code(channel)), *due_at_ms, *arrival),
        Some(Place::Activity { .. }) | None => (Box::new(FIRST), 0, 0),
    };
    let with_bodies = request.with_bodies;
    let params = params![ino, channel, bounded(due_at_ms), bounded(seq), with_bodies];
    sql.while_taken(MESSAGES, params, |row| {
        let body_bytes: usize = row.get(5)?;
        if !page.room.take(body_bytes) {
            return Ok(false);
        }
        let (channel, due_at_ms): (Channel, u64) = (channel::of_row(row, 0)?, row.get(1)?);
        page.last = Some(Place::Message {
            channel: channel.clone(),
            due_at_ms,
            arrival: row.get(2)?,
        });
        inspection.messages.push(MessageRecord {
            id: MessageId(row.get(3)?),
            channel,
            execution: row.get(4)?,
            due_at_ms,
            body_bytes,
            body: body(row, 6)?,
        });
        Ok(true)
    })
}

/// Takes activities while there is room; whether some are left.
fn activities_of(
    sql: &Sql,
    ino: i64,
    (request, after, now_ms): (&Inspect, Option<&Place>, u64),
    page: &mut Page,
    inspection: &mut Inspection,
) -> rusqlite::Result<bool> {
    let (execution, activity_id) = match after {
        Some(Place::Activity {
            execution,
            activity_id,
        }) => (*execution, *activity_id),
        Some(Place::Message { .. }) | None => (0, 0),
    };
    let InstanceHead {
        instance,
        incarnation,
        ..
    } = &inspection.record.head;
    let with_bodies = request.with_bodies;
    let params = params![with_bodies, ino, bounded(execution), bounded(activity_id)];
    sql.while_taken(OF_INSTANCE, params, |row| {
        if !page.room.take(bytes_of(row)?) {
            return Ok(false);
        }
        let activity = activity_of(row, (instance.clone(), *incarnation), now_ms)?;
        page.last = Some(Place::Activity {
            execution: activity.key.execution,
            activity_id: activity.key.activity_id,
        });
        inspection.activities.push(activity);
        Ok(true)
    })
}

/// The room that an activity takes in a page: its body, and how far it is.
fn bytes_of(row: &Row<'_>) -> rusqlite::Result<usize> {
    let (body_bytes, details_bytes): (usize, usize) = (row.get(6)?, row.get(8)?);
    Ok(body_bytes + details_bytes)
}

fn activity_of(
    row: &Row<'_>,
    (instance, incarnation): (InstanceId, Incarnation),
    now_ms: u64,
) -> rusqlite::Result<ActivityRecord> {
    let claimable_from_ms: u64 = row.get(4)?;
    Ok(ActivityRecord {
        key: ActivityKey {
            instance,
            incarnation,
            execution: row.get(0)?,
            activity_id: row.get(1)?,
        },
        queue: TaskQueue(row.get(2)?),
        attempts: row.get(3)?,
        claimable_from_ms,
        is_leased: claimable_from_ms > now_ms && row.get(5)?,
        body_bytes: row.get(6)?,
        body: body(row, 7)?,
        details_bytes: row.get(8)?,
        details: body(row, 9)?,
    })
}

fn body(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Bytes>> {
    let body: Option<Vec<u8>> = row.get(column)?;
    Ok(body.map(Bytes::from))
}

/// A page of the activities of a queue (ADM-09).
pub(crate) fn activities(
    sql: &Sql,
    request: &ListActivities,
    after: Option<(u64, i64)>,
    now_ms: u64,
) -> rusqlite::Result<ActivityPage> {
    let mut page = ActivityPage::default();
    let with_bodies = request.with_bodies;
    let mut room = Room::new(request.activities_max, request.bytes_max).with_bodies(with_bodies);
    let mut last = after;
    let (claim_at_ms, id) = after.unwrap_or((0, -1));
    let params = params![
        with_bodies,
        request.queue.as_str(),
        bounded(claim_at_ms),
        id
    ];
    let is_left = sql.while_taken(OF_QUEUE, params, |row| {
        if !room.take(bytes_of(row)?) {
            return Ok(false);
        }
        let life = (head::instance_id(row, 11)?, Incarnation(row.get(12)?));
        let activity = activity_of(row, life, now_ms)?;
        last = Some((activity.claimable_from_ms, row.get(10)?));
        page.activities.push(activity);
        Ok(true)
    })?;
    page.next = last.filter(|_| is_left).map(|place| PageCursor::of(&place));
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn pages_are_read_by_their_indexes() {
        for (sql, index) in [
            (MESSAGES, "inbox_due (ino=? AND (channel,due_at)>"),
            (
                OF_INSTANCE,
                "activity_key (ino=? AND (execution,activity_id)>",
            ),
            (OF_QUEUE, "activity_ready (queue=? AND claim_at>"),
        ] {
            let steps = plan::steps(sql);
            let is_used = |step: &String| step.contains(index);
            assert!(steps.iter().any(is_used), "{index}: {steps:?}");
            let sorts = |step: &String| step.contains("TEMP B-TREE");
            assert!(!steps.iter().any(sorts), "{steps:?}");
        }
    }
}
