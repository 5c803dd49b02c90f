//! Claims: the front of a ready index, and no look at anything else.

use std::collections::BTreeSet;
use std::sync::Arc;

use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    ActivityKey, ActivityLease, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Incarnation,
    InstanceHead, Queues, TaskQueue, Turn, TurnLease,
};
use rusqlite::params;

use crate::clock::after;
use crate::codes::row_limit;
use crate::error::Applied;
use crate::head::{self, HEAD_COLUMNS, head_columns};
use crate::hub::{Effect, NEVER_MS, Queue};
use crate::inbox;
use crate::job::{Access, Member};
use crate::session::Session;
use crate::sql::Sql;
use crate::wakes::Wakes;
use crate::written;

/// Each reads the front of an index and nothing else (CLM-05).
const TURN_CANDIDATES: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", ino, attempts, control_at, system_at, mail_at FROM instance WHERE claim_at <= ?1 ORDER BY claim_at, claim_order LIMIT ?2"
);
const ACTIVITY_CANDIDATES: &str = "SELECT claim_at, id FROM activity
     WHERE queue = ?1 AND claim_at <= ?2 ORDER BY claim_at, id LIMIT ?3";
const FIRST_TURN: &str = "SELECT claim_at FROM instance
     WHERE claim_at IS NOT NULL ORDER BY claim_at, claim_order LIMIT 1";
const FIRST_ACTIVITY: &str =
    "SELECT claim_at FROM activity WHERE queue = ?1 ORDER BY claim_at LIMIT 1";
/// The same with the time at which it was decided.
const FRONT_TURN: &str = "SELECT claim_at, claim_order FROM instance
     WHERE claim_at IS NOT NULL ORDER BY claim_at, claim_order LIMIT 1";
const FRONT_ACTIVITY: &str = "SELECT claim_at,
         (SELECT claim_order FROM instance WHERE ino = activity.ino)
     FROM activity WHERE queue = ?1 ORDER BY claim_at LIMIT 1";

impl Member for ClaimTurns {
    type Answer = Claimed<Turn>;
    const OPERATION: &'static str = "claim_turns";
    const ACCESS: Access = Access::Lease;
    const NEEDS_LISTENER: bool = true;

    fn peek(&self, session: &mut Session) -> rusqlite::Result<Option<Self::Answer>> {
        let due_ms = first_turn_ms(&session.sql)?;
        session.note(Effect::NothingBefore(Queue::Turns, due_ms));
        Ok(nothing_before(session, due_ms))
    }

    fn apply(&self, session: &mut Session) -> Applied<Self::Answer> {
        let candidates = session.sql.all(
            TURN_CANDIDATES,
            params![session.now_ms, row_limit(self.turns_max)],
            |row| {
                Ok(Candidate {
                    head: head::of_row(row)?,
                    ino: row.get(HEAD_COLUMNS)?,
                    attempts: row.get(HEAD_COLUMNS + 1)?,
                    wakes: Wakes::of_row(row, HEAD_COLUMNS + 2)?,
                })
            },
        )?;
        let mut items = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            items.push(claim_turn(session, self, candidate)?);
        }
        let due_ms = first_turn_ms(&session.sql)?;
        session.note(Effect::NothingBefore(Queue::Turns, due_ms));
        Ok(claimed(session, items, due_ms))
    }
}

/// An instance that may be claimed.
struct Candidate {
    head: InstanceHead,
    ino: i64,
    attempts: u32,
    wakes: Wakes,
}

fn claim_turn(
    session: &mut Session,
    request: &ClaimTurns,
    candidate: Candidate,
) -> rusqlite::Result<Turn> {
    let Candidate {
        head,
        ino,
        attempts,
        wakes,
    } = candidate;
    let messages = inbox::due(session, request, ino, wakes)?;
    let token = Entropy.lease_token();
    let claim_order = session.next_claim_order();
    session.sql.execute(
        "UPDATE instance SET lease_token = ?2, hold_until = ?3, claim_at = ?3, claim_order = ?4,
             attempts = ?5
         WHERE ino = ?1",
        params![
            ino,
            token.0,
            // A lease of no time at all would be claimed again by the same claim.
            after(session.now_ms, request.lease).max(session.now_ms.saturating_add(1)),
            claim_order,
            attempts.saturating_add(1)
        ],
    )?;
    Ok(Turn {
        lease: TurnLease {
            instance: head.instance.clone(),
            token,
        },
        head,
        attempt: attempts.saturating_add(1),
        messages,
        has_mail: wakes.mail_ms.is_some_and(|ms| ms <= session.now_ms),
    })
}

impl Member for ClaimActivities {
    type Answer = Claimed<ClaimedActivity>;
    const OPERATION: &'static str = "claim_activities";
    const ACCESS: Access = Access::Lease;
    const NEEDS_LISTENER: bool = true;

    fn peek(&self, session: &mut Session) -> rusqlite::Result<Option<Self::Answer>> {
        let due_ms = note_first_of_each(session, &distinct(&self.queues))?;
        Ok(nothing_before(session, due_ms))
    }

    fn apply(&self, session: &mut Session) -> Applied<Self::Answer> {
        let queues = distinct(&self.queues);
        let mut candidates = Vec::new();
        for queue in &queues {
            let of_queue = session.sql.all(
                ACTIVITY_CANDIDATES,
                params![&**queue, session.now_ms, row_limit(self.activities_max)],
                |row| Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?, queue)),
            )?;
            candidates.extend(of_queue);
        }
        if queues.len() > 1 {
            candidates.sort_by_key(|(claim_at_ms, id, _)| (*claim_at_ms, *id));
            candidates.truncate(self.activities_max);
        }
        let mut items = Vec::with_capacity(candidates.len());
        for (_, id, queue) in candidates {
            items.push(claim_activity(session, self, id, queue)?);
        }
        let due_ms = note_first_of_each(session, &queues)?;
        Ok(claimed(session, items, due_ms))
    }
}

fn claim_activity(
    session: &Session,
    request: &ClaimActivities,
    id: i64,
    queue: &Arc<str>,
) -> rusqlite::Result<ClaimedActivity> {
    let token = Entropy.lease_token();
    session.sql.one(
        "UPDATE activity SET lease_token = ?2, claim_at = ?3, attempts = attempts + 1
         WHERE id = ?1
         RETURNING (SELECT id FROM instance WHERE ino = activity.ino),
             (SELECT incarnation FROM instance WHERE ino = activity.ino),
             execution, activity_id, attempts, body",
        params![
            id,
            token.0,
            after(session.now_ms, request.lease).max(session.now_ms.saturating_add(1))
        ],
        |row| {
            let key = ActivityKey {
                instance: head::instance_id(row, 0)?,
                incarnation: Incarnation(row.get(1)?),
                execution: row.get(2)?,
                activity_id: row.get(3)?,
            };
            Ok(ClaimedActivity {
                lease: ActivityLease { key, token },
                queue: TaskQueue(Arc::clone(queue)),
                attempt: row.get(4)?,
                body: head::bytes(row, 5)?,
            })
        },
    )
}

/// When the first instance becomes claimable, or became.
fn first_turn_ms(sql: &Sql) -> rusqlite::Result<u64> {
    let first_ms = sql.first(FIRST_TURN, [], |row| row.get(0))?;
    Ok(first_ms.unwrap_or(NEVER_MS))
}

/// When the first activity of a queue becomes claimable, or became.
fn first_activity_ms(sql: &Sql, queue: &str) -> rusqlite::Result<u64> {
    let first_ms = sql.first(FIRST_ACTIVITY, [queue], |row| row.get(0))?;
    Ok(first_ms.unwrap_or(NEVER_MS))
}

/// What comes first of some queues.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Front {
    /// When the first item becomes claimable, or became; [`NEVER_MS`] without one.
    pub(crate) due_ms: u64,
    /// The latest time at which any of the first items was written.
    pub(crate) written_ms: u64,
}

/// What comes first of these queues.
pub(crate) fn front(sql: &Sql, queues: &Queues) -> rusqlite::Result<Front> {
    let mut front = Front {
        due_ms: NEVER_MS,
        written_ms: 0,
    };
    let mut meet = |first: Option<(u64, i64)>| {
        if let Some((due_ms, claim_order)) = first {
            front.due_ms = front.due_ms.min(due_ms);
            front.written_ms = front.written_ms.max(written::time_of(claim_order));
        }
    };
    if queues.turns {
        meet(sql.first(FRONT_TURN, [], |row| Ok((row.get(0)?, row.get(1)?)))?);
    }
    for queue in distinct(&queues.activities) {
        meet(sql.first(FRONT_ACTIVITY, [&*queue], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?);
    }
    Ok(front)
}

/// When the first item of these queues becomes claimable, asked by the writer, for waiters to know.
pub(crate) fn note_first(session: &mut Session, queues: &Queues) -> rusqlite::Result<u64> {
    let mut due_ms = note_first_of_each(session, &distinct(&queues.activities))?;
    if queues.turns {
        let turn_ms = first_turn_ms(&session.sql)?;
        session.note(Effect::NothingBefore(Queue::Turns, turn_ms));
        due_ms = due_ms.min(turn_ms);
    }
    Ok(due_ms)
}

fn note_first_of_each(session: &mut Session, queues: &BTreeSet<Arc<str>>) -> rusqlite::Result<u64> {
    let mut due_ms = NEVER_MS;
    for queue in queues {
        let first_ms = first_activity_ms(&session.sql, queue)?;
        let queue = Queue::Activities(Arc::clone(queue));
        session.note(Effect::NothingBefore(queue, first_ms));
        due_ms = due_ms.min(first_ms);
    }
    Ok(due_ms)
}

fn distinct(queues: &[TaskQueue]) -> BTreeSet<Arc<str>> {
    queues.iter().map(|queue| Arc::clone(&queue.0)).collect()
}

/// The answer of a claim that finds nothing, if it would.
fn nothing_before<T>(session: &Session, due_ms: u64) -> Option<Claimed<T>> {
    (due_ms > session.now_ms).then(Claimed::default)
}

fn claimed<T>(session: &Session, items: Vec<T>, due_ms: u64) -> Claimed<T> {
    Claimed {
        items,
        more: due_ms <= session.now_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn every_statement_of_a_claim_uses_its_index_and_sorts_nothing() {
        for (sql, index) in [
            (
                TURN_CANDIDATES,
                "SEARCH instance USING INDEX instance_ready",
            ),
            (
                ACTIVITY_CANDIDATES,
                "SEARCH activity USING COVERING INDEX activity_ready",
            ),
            // The whole index, in order, up to its first entry.
            (FIRST_TURN, "instance_ready"),
            (
                FIRST_ACTIVITY,
                "SEARCH activity USING COVERING INDEX activity_ready",
            ),
        ] {
            let steps = plan::steps(sql);
            assert_eq!(steps.len(), 1, "{sql}: {steps:?}");
            assert!(steps[0].contains(index), "{sql}: {steps:?}");
        }
    }
}
