//! Claims: the front of a ready index, and no look at anything else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityKey, ActivityLease, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Delivery,
    Incarnation, InstanceId, LeaseToken, Message, MessageId, ProviderError, TaskQueue, Turn,
    TurnLease,
};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};
use uuid::Uuid;

use crate::channel;
use crate::codes::{self, bounded_size, millis, row_limit};
use crate::error;
use crate::head;
use crate::hub::Dues;
use crate::read::{Reply, decoded, dues_of_row, names};
use crate::session::Session;

/// A claim of each kind at most, which go out as one call.
#[derive(Default)]
pub(crate) struct Claims {
    pub(crate) turns: Option<(ClaimTurns, Reply<Claimed<Turn>>)>,
    pub(crate) activities: Option<(ClaimActivities, Reply<Claimed<ClaimedActivity>>)>,
}

impl Claims {
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_none() && self.activities.is_none()
    }

    /// Whether it is only one half of a pair.
    pub(crate) fn lacks_one(&self) -> bool {
        self.turns.is_some() != self.activities.is_some()
    }

    /// Leases what is due, and answers.
    pub(crate) async fn serve(self, session: &mut Session) {
        let Self { turns, activities } = self;
        let answer = call(
            session,
            turns.as_ref().map(|claim| &claim.0),
            activities.as_ref().map(|claim| &claim.0),
        )
        .await;
        let found = match answer {
            Ok(found) => found,
            Err(error) => {
                let error = Arc::new(error);
                error::send_each(turns.map(|claim| claim.1), &error);
                error::send_each(activities.map(|claim| claim.1), &error);
                return;
            }
        };
        let Found {
            dues,
            turns: found_turns,
            activities: found_activities,
            is_whole: _,
        } = found;
        if let Some((request, reply)) = turns {
            let due_ms = dues.turns_ms.iter().filter_map(|(_, due_ms)| *due_ms);
            // Beside one that is named there are no others.
            let due_ms = due_ms.min().filter(|_| request.only.is_none());
            let claimed = claimed(dues.at_ms, found_turns, due_ms);
            reply.send(Ok(claimed)).ok();
        }
        if let Some((_, reply)) = activities {
            let due_ms = dues.activities_ms.iter().filter_map(|(_, due_ms)| *due_ms);
            let claimed = claimed(dues.at_ms, found_activities, due_ms.min());
            reply.send(Ok(claimed)).ok();
        }
    }
}

/// What one call has leased.
struct Found {
    turns: Vec<Turn>,
    activities: Vec<ClaimedActivity>,
    dues: Dues,
    /// The whole index was read.
    is_whole: bool,
}

async fn call(
    session: &mut Session,
    turns: Option<&ClaimTurns>,
    activities: Option<&ClaimActivities>,
) -> Result<Found, ProviderError> {
    let setup = Arc::clone(&session.setup);
    let only = turns.filter(|claim| claim.turns_max > 0);
    let only = only.and_then(|claim| claim.only.as_ref());
    let of_queues = turns.filter(|claim| claim.only.is_none());
    // What is known of the other kind becomes younger by the way.
    let turn_queues = match of_queues {
        Some(claim) => distinct(&claim.queues),
        None => setup.hub.turn_queues(),
    };
    let queues = match activities {
        Some(claim) => distinct(&claim.queues),
        None => setup.hub.queues(),
    };
    let floors = setup.hub.floors(&turn_queues, &queues);
    let statement = || {
        let lease = |lease: Option<Duration>| millis(lease.unwrap_or_default());
        setup
            .functions
            .claim
            .call()
            .bind(setup.node)
            .bind(of_queues.map_or(0, |claim| row_limit(claim.turns_max)))
            .bind(turns.map_or(0, |claim| row_limit(claim.messages_max)))
            .bind(turns.map_or(0, |claim| bounded_size(claim.bytes_max)))
            .bind(lease(turns.map(|claim| claim.lease)))
            .bind(turns.map_or(0, |claim| bounded_size(claim.total_bytes_max)))
            .bind(activities.map_or(0, |claim| row_limit(claim.activities_max)))
            .bind(lease(activities.map(|claim| claim.lease)))
            .bind(activities.map_or(0, |claim| bounded_size(claim.total_bytes_max)))
            .bind(names(&turn_queues))
            .bind(names(&queues))
            .bind(floors.turns_ms)
            .bind(floors.activities_ms)
            .bind(only.map(InstanceId::as_str))
    };
    let since = setup.hub.since();
    let claimed_from = of_queues.map(|_| &*turn_queues);
    let _under_way = setup.hub.claim(claimed_from, activities.is_some());
    let operation = if turns.is_some() {
        "claim_turns"
    } else {
        "claim_activities"
    };
    // One that is lost on the way may have leased something, which comes back by itself.
    let rows = session.fetch_again(statement).await;
    let found = decoded(operation, rows, |rows| of_rows(rows, &turn_queues, &queues))?;
    setup.hub.learn_from_claim(&found.dues, since);
    setup.hub.set_floors(&found.dues, found.is_whole);
    if only.is_some() {
        // A release may have held it back for longer than it is leased now.
        setup.hub.forget(true, false);
    }
    Ok(found)
}

fn of_rows(rows: &[PgRow], turn_queues: &[Arc<str>], queues: &[Arc<str>]) -> Result<Found, Error> {
    let (summary, items) = rows.split_last().ok_or(Error::RowNotFound)?;
    let mut found = Found {
        turns: Vec::new(),
        activities: Vec::new(),
        dues: dues_of_row(summary, turn_queues, queues)?,
        is_whole: summary.try_get("is_whole")?,
    };
    for row in items {
        match row.try_get::<i16, _>("kind")? {
            1 => found.turns.push(turn(row)?),
            2 => found.activities.push(activity(row)?),
            kind => return Err(Error::Decode(format!("a row of kind {kind}").into())),
        }
    }
    Ok(found)
}

fn turn(row: &PgRow) -> Result<Turn, Error> {
    let head = head::of_row(row)?;
    Ok(Turn {
        lease: TurnLease {
            instance: head.instance.clone(),
            token: LeaseToken(row.try_get("token")?),
        },
        head,
        attempt: attempt(row)?,
        messages: messages(row)?,
        has_mail: row.try_get("has_mail")?,
    })
}

fn messages(row: &PgRow) -> Result<Vec<Delivery>, Error> {
    let ids: Vec<Uuid> = row.try_get("message_ids")?;
    let channels: Vec<Vec<u8>> = row.try_get("message_channels")?;
    let executions: Vec<Option<i64>> = row.try_get("message_executions")?;
    let dues_ms: Vec<i64> = row.try_get("message_dues")?;
    let bodies: Vec<Vec<u8>> = row.try_get("message_bodies")?;
    let each = ids.into_iter().zip(channels).zip(executions);
    let each = each.zip(dues_ms).zip(bodies);
    each.map(|((((id, channel), execution), due_ms), body)| {
        Ok(Delivery {
            due_at_ms: codes::unsigned(due_ms)?,
            message: Message {
                id: MessageId(id),
                channel: channel::read(&channel)?,
                execution: execution.map(codes::unsigned).transpose()?,
                body: Bytes::from(body),
            },
        })
    })
    .collect()
}

fn activity(row: &PgRow) -> Result<ClaimedActivity, Error> {
    let key = ActivityKey {
        instance: head::instance_id(row, "id")?,
        incarnation: Incarnation(row.try_get("incarnation")?),
        execution: codes::unsigned(row.try_get("execution")?)?,
        activity_id: codes::unsigned(row.try_get("activity_id")?)?,
    };
    let token = LeaseToken(row.try_get("token")?);
    Ok(ClaimedActivity {
        lease: ActivityLease { key, token },
        queue: TaskQueue(Arc::from(row.try_get::<&str, _>("queue")?)),
        attempt: attempt(row)?,
        body: head::bytes(row, "body")?,
        details: row
            .try_get::<Option<Vec<u8>>, _>("details")?
            .map(Bytes::from),
    })
}

fn attempt(row: &PgRow) -> Result<u32, Error> {
    let attempts: i32 = row.try_get("attempts")?;
    u32::try_from(attempts).map_err(|error| Error::Decode(error.into()))
}

/// The names of these queues, each once and in their order.
fn distinct(queues: &[TaskQueue]) -> Vec<Arc<str>> {
    let names: BTreeSet<Arc<str>> = queues.iter().map(|queue| Arc::clone(&queue.0)).collect();
    names.into_iter().collect()
}

fn claimed<T>(now_ms: i64, items: Vec<T>, due_ms: Option<i64>) -> Claimed<T> {
    Claimed {
        items,
        more: due_ms.is_some_and(|due_ms| due_ms <= now_ms),
    }
}
