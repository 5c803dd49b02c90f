//! What comes first of a queue, and when: the first entry of an index.

use std::collections::BTreeSet;

use duroxide_core::providers::Queues;

use crate::hub::{self, Effect, NEVER_MS, Queue};
use crate::session::Session;
use crate::sql::Sql;
use crate::written;

const FIRST_TURN: &str = "SELECT claim_at FROM instance
     WHERE queue = ?1 AND claim_at IS NOT NULL ORDER BY claim_at, claim_order LIMIT 1";
const FIRST_ACTIVITY: &str =
    "SELECT claim_at FROM activity WHERE queue = ?1 ORDER BY claim_at LIMIT 1";
/// The same with the time at which it was decided.
const FRONT_TURN: &str = "SELECT claim_at, claim_order FROM instance
     WHERE queue = ?1 AND claim_at IS NOT NULL ORDER BY claim_at, claim_order LIMIT 1";
const FRONT_ACTIVITY: &str = "SELECT claim_at,
         (SELECT claim_order FROM instance WHERE ino = activity.ino)
     FROM activity WHERE queue = ?1 ORDER BY claim_at LIMIT 1";

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
    for queue in hub::each(queues).collect::<BTreeSet<_>>() {
        let statement = match queue {
            Queue::Turns(_) => FRONT_TURN,
            Queue::Activities(_) => FRONT_ACTIVITY,
        };
        let first = sql.first(statement, [&**queue.name()], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?))
        })?;
        if let Some((due_ms, claim_order)) = first {
            front.due_ms = front.due_ms.min(due_ms);
            front.written_ms = front.written_ms.max(written::time_of(claim_order));
        }
    }
    Ok(front)
}

/// When the first item of these queues becomes claimable, asked by the writer, for waiters to know.
pub(crate) fn note_first(session: &mut Session, queues: &Queues) -> rusqlite::Result<u64> {
    note_first_of(session, &hub::each(queues).collect())
}

/// The same for queues that are each named once.
pub(crate) fn note_first_of(
    session: &mut Session,
    queues: &BTreeSet<Queue>,
) -> rusqlite::Result<u64> {
    let mut due_ms = NEVER_MS;
    for queue in queues {
        let statement = match queue {
            Queue::Turns(_) => FIRST_TURN,
            Queue::Activities(_) => FIRST_ACTIVITY,
        };
        let first = session
            .sql
            .first(statement, [&**queue.name()], |row| row.get(0));
        let first_ms = first?.unwrap_or(NEVER_MS);
        session.note(Effect::NothingBefore(queue.clone(), first_ms));
        due_ms = due_ms.min(first_ms);
    }
    Ok(due_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn the_first_of_a_queue_is_the_first_entry_of_its_index() {
        for (sql, index) in [
            (
                FIRST_TURN,
                "SEARCH instance USING COVERING INDEX instance_ready (queue=?",
            ),
            (
                FRONT_TURN,
                "SEARCH instance USING COVERING INDEX instance_ready (queue=?",
            ),
            (
                FIRST_ACTIVITY,
                "SEARCH activity USING COVERING INDEX activity_ready (queue=?",
            ),
        ] {
            let steps = plan::steps(sql);
            assert_eq!(steps.len(), 1, "{sql}: {steps:?}");
            assert!(steps[0].contains(index), "{sql}: {steps:?}");
        }
    }
}
