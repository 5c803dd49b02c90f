//! Removing instances: what can be found goes at once, and a long history slice by slice.

use duroxide_core::providers::InstanceId;
use rusqlite::params;

use crate::hub::{Effect, Queue, UNKNOWN_MS};
use crate::session::Session;

/// How many rows of a history, and of executions, one transaction removes where it need not remove all.
const SLICE_ROWS: usize = 256;
/// How many instances one transaction of maintenance removes.
const EXPIRED_MAX: usize = 64;
/// A time before that of any operation: what is left of a removed instance can go whenever somebody has
/// time for it.
pub(crate) const AT_ONCE_MS: u64 = 1;

/// Those for which no control message is there: the others are in an index of their own, so that nobody looks
/// at those that stay (DEL-05).
const EXPIRED: &str = "SELECT ino, id FROM instance
     WHERE expires_at <= ?1 AND control_at IS NULL
     ORDER BY expires_at LIMIT ?2";
/// Those for which one is there that is not due, and keeps nobody.
const EXPIRED_BEFORE_CONTROL: &str = "SELECT ino, id FROM instance
     WHERE control_at > ?1 AND expires_at <= ?1
     ORDER BY control_at LIMIT ?2";
const HISTORY_SLICE: &str = "DELETE FROM history WHERE rid IN (
         SELECT rid FROM history WHERE ino = ?1 LIMIT ?2)";
const EXECUTION_SLICE: &str = "DELETE FROM execution WHERE ino = ?1 AND execution IN (
         SELECT execution FROM execution WHERE ino = ?1 ORDER BY execution LIMIT ?2)";

/// How much of a history goes together with its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// As much as a short transaction takes. Nobody can find the rest, which maintenance removes.
    Slice,
}

/// Whether a control message is due for the instance with this row, which may have it go on (DEL-05).
pub(crate) fn awaits_control(session: &Session, ino: i64) -> rusqlite::Result<bool> {
    let due = "SELECT 1 FROM instance WHERE ino = ?1 AND control_at <= ?2";
    let found = session
        .sql
        .first(due, params![ino, session.now_ms], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Removes the instance with this row and all that belongs to it (DEL-01).
pub(crate) fn remove(session: &mut Session, ino: i64, extent: Extent) -> rusqlite::Result<()> {
    for table in [
        "DELETE FROM inbox WHERE ino = ?1",
        "DELETE FROM topic WHERE ino = ?1",
        "DELETE FROM value WHERE ino = ?1",
        "DELETE FROM label WHERE ino = ?1",
    ] {
        session.sql.execute(table, [ino])?;
    }
    let queue = session.sql.one(
        "DELETE FROM instance WHERE ino = ?1 RETURNING queue",
        [ino],
        |row| row.get(0),
    )?;
    let queues: Vec<String> = session.sql.all(
        "DELETE FROM activity WHERE ino = ?1 RETURNING queue",
        [ino],
        |row| row.get(0),
    )?;
    // What is gone may have been all there was to claim.
    session.note(Effect::NothingBefore(Queue::Turns(queue), UNKNOWN_MS));
    for queue in queues {
        let queue = Queue::Activities(queue.into());
        session.note(Effect::NothingBefore(queue, UNKNOWN_MS));
    }
    match extent {
        Extent::Whole => {
            let history = "DELETE FROM history WHERE ino = ?1";
            session.sql.execute(history, [ino])?;
            let executions = "DELETE FROM execution WHERE ino = ?1";
            session.sql.execute(executions, [ino])?;
        }
        Extent::Slice if remove_slice(session, ino)? => {
            let rest = "INSERT INTO removal (ino) VALUES (?1)";
            session.sql.execute(rest, [ino])?;
            session.next_expiry_ms = AT_ONCE_MS;
        }
        Extent::Slice => {}
    }
    Ok(())
}

/// Removes a slice of the history of an instance; whether there may be more.
fn remove_slice(session: &Session, ino: i64) -> rusqlite::Result<bool> {
    let params = params![ino, SLICE_ROWS];
    let chunks = session.sql.execute(HISTORY_SLICE, params)?;
    let executions = session.sql.execute(EXECUTION_SLICE, params)?;
    Ok(chunks.max(executions) >= SLICE_ROWS)
}

/// Removes instances that have expired, the earliest first (EXP-02), and a slice of a history that
/// belongs to nobody. Answers whether something is left.
pub(crate) fn sweep(session: &mut Session) -> rusqlite::Result<bool> {
    let left_behind =
        session
            .sql
            .first("SELECT ino FROM removal ORDER BY ino LIMIT 1", [], |row| {
                row.get::<_, i64>(0)
            })?;
    if let Some(ino) = left_behind {
        if !remove_slice(session, ino)? {
            let done = "DELETE FROM removal WHERE ino = ?1";
            session.sql.execute(done, [ino])?;
        }
        // Histories first: each expired instance may leave another one.
        return Ok(true);
    }
    let mut expired: Vec<(i64, String)> = Vec::new();
    for sql in [EXPIRED, EXPIRED_BEFORE_CONTROL] {
        let params = params![session.now_ms, EXPIRED_MAX];
        let found = session
            .sql
            .all(sql, params, |row| Ok((row.get(0)?, row.get(1)?)))?;
        expired.extend(found);
    }
    for (ino, id) in &expired {
        remove(session, *ino, Extent::Slice)?;
        if let Ok(id) = InstanceId::new(id) {
            session.note(Effect::HeadChanged(id, None));
        }
    }
    Ok(!expired.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn what_goes_is_found_by_its_indexes() {
        for (sql, index) in [
            (EXPIRED, "instance_expiry"),
            (EXPIRED_BEFORE_CONTROL, "instance_managed"),
            (HISTORY_SLICE, "history_position"),
            (EXECUTION_SLICE, "PRIMARY KEY (ino=?"),
        ] {
            let steps = plan::steps(sql);
            assert!(
                steps.iter().any(|step| step.contains(index)),
                "{sql}: {steps:?}"
            );
        }
    }
}
