//! The values of instances.

use duroxide_core::clock::millis_ceil;
use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::page::Room;
use duroxide_core::providers::{
    CommitId, InstanceHead, InstanceId, InstanceValue, ReadValues, TurnCommit, ValueKey, ValueKeys,
    ValueUpdate, check,
};
use rusqlite::{Row, ToSql, params};

use crate::error::Applied;
use crate::head::{self, HEAD_COLUMNS, head_columns};
use crate::hub::{NEVER_MS, UNKNOWN_MS};
use crate::job::{Access, Member};
use crate::removal;
use crate::session::Session;
use crate::sql::Sql;

/// A head with the version of one value, if that is there: one statement, which sees one state.
const HEAD_WITH_VERSION: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", (SELECT value.version FROM value
         WHERE value.ino = instance.ino AND value.key = ?2
             AND (value.expires_at IS NULL OR value.expires_at > ?3))
     FROM instance WHERE id = ?1"
);
/// All values of an instance, in the order of their keys.
macro_rules! page {
    ($behind:literal) => {
        concat!(
            "SELECT value.key, value.version, value.value, length(value.value)
             FROM instance JOIN value ON value.ino = instance.ino
             WHERE instance.id = ?1 AND (value.expires_at IS NULL OR value.expires_at > ?2) ",
            $behind,
            " ORDER BY value.key"
        )
    };
}
const FIRST_PAGE: &str = page!("");
const NEXT_PAGE: &str = page!("AND value.key > ?3");
/// When the first value or instance expires; at once where something is left of a removed instance.
const NEXT_EXPIRY: &str = "SELECT min(at) FROM (
         SELECT min(expires_at) AS at FROM value WHERE expires_at IS NOT NULL
         UNION ALL SELECT min(expires_at) FROM instance
             WHERE expires_at IS NOT NULL AND control_at IS NULL
         UNION ALL SELECT min(expires_at) FROM instance
             WHERE expires_at IS NOT NULL AND control_at > ?1
         UNION ALL SELECT 1 WHERE EXISTS (SELECT 1 FROM removal))";
const SWEEP: &str = "DELETE FROM value WHERE id IN (
         SELECT id FROM value WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

/// How many values one transaction of maintenance removes.
const SWEPT_VALUES_MAX: u32 = 1_000;

/// Checks that the instance with this row, if it has one yet, may keep what a turn leaves of its values
/// (VAL-05).
pub(crate) fn check(session: &Session, turn: &TurnCommit, ino: Option<i64>) -> Applied<()> {
    if turn.values.iter().all(|update| !is_kept(update)) {
        // It has no more of them afterwards.
        return Ok(());
    }
    let kept: Vec<(ValueKey, usize)> = match ino {
        None => Vec::new(),
        Some(ino) => session.sql.all(
            "SELECT key, length(value) FROM value WHERE ino = ?1 AND expires_at IS NULL",
            [ino],
            |row| {
                let key = row.get_ref(0)?.as_str();
                let key = key.map_err(|error| head::unreadable(0, error))?;
                Ok((ValueKey::from(key), row.get(1)?))
            },
        )?,
    };
    check::values_kept(&session.limits, turn, kept)?;
    Ok(())
}

/// Whether an update sets a value that does not expire.
fn is_kept(update: &ValueUpdate) -> bool {
    let new = update.value.as_ref();
    new.is_some_and(|new| new.expires_after.is_none())
}

/// Sets and removes the values that a turn names (VAL-01).
pub(crate) fn write(session: &mut Session, turn: &TurnCommit, ino: i64) -> rusqlite::Result<()> {
    for update in &turn.values {
        let key = update.key.as_str();
        let Some(new) = &update.value else {
            let sql = "DELETE FROM value WHERE ino = ?1 AND key = ?2";
            session.sql.execute(sql, params![ino, key])?;
            continue;
        };
        let expires_after_ms = new.expires_after.map(millis_ceil);
        let expires_at_ms =
            expires_after_ms.map(|after_ms| latest(session.now_ms.saturating_add(after_ms)));
        session.sql.execute(
            "INSERT INTO value (ino, key, version, expires_at, value) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (ino, key) DO UPDATE SET version = excluded.version,
                 expires_at = excluded.expires_at, value = excluded.value",
            params![ino, key, turn.commit_id.0, expires_at_ms, &new.value[..]],
        )?;
        if let Some(at_ms) = expires_at_ms {
            session.next_expiry_ms = session.next_expiry_ms.min(at_ms);
        }
    }
    Ok(())
}

/// The latest time that SQLite can hold, if it is later.
fn latest(at_ms: u64) -> u64 {
    at_ms.min(i64::MAX.unsigned_abs())
}

/// The statement that reads so many values, of what has not expired. It is one for all of them, since it
/// sees one state.
fn reading(keys: usize) -> String {
    let places: Vec<String> = (0..keys).map(|place| format!("?{}", place + 3)).collect();
    format!(
        "SELECT value.key, value.version, value.value
         FROM instance JOIN value ON value.ino = instance.ino
         WHERE instance.id = ?1 AND value.key IN ({})
             AND (value.expires_at IS NULL OR value.expires_at > ?2)",
        places.join(", ")
    )
}

/// The values that are there, in the order of the keys that were asked for (VAL-02), or a page of all of
/// them (VAL-07).
pub(crate) fn read(
    sql: &Sql,
    request: &ReadValues,
    now_ms: u64,
) -> rusqlite::Result<Vec<InstanceValue>> {
    let instance = &request.instance;
    match &request.keys {
        ValueKeys::Named(keys) => read_named(sql, instance, keys, now_ms),
        ValueKeys::All { after, bytes_max } => {
            let page = (after.as_ref(), *bytes_max);
            read_page(sql, instance, page, now_ms)
        }
    }
}

fn read_named(
    sql: &Sql,
    instance: &InstanceId,
    keys: &[ValueKey],
    now_ms: u64,
) -> rusqlite::Result<Vec<InstanceValue>> {
    let instance = instance.as_str();
    let mut params: Vec<&dyn ToSql> = vec![&instance, &now_ms];
    let names: Vec<&str> = keys.iter().map(ValueKey::as_str).collect();
    params.extend(names.iter().map(|key| key as &dyn ToSql));
    let mut values = sql.all(&reading(keys.len()), &params[..], of_row)?;
    values.sort_by_cached_key(|value| keys.iter().position(|key| *key == value.key));
    Ok(values)
}

fn read_page(
    sql: &Sql,
    instance: &InstanceId,
    (after, bytes_max): (Option<&ValueKey>, usize),
    now_ms: u64,
) -> rusqlite::Result<Vec<InstanceValue>> {
    let mut values = Vec::new();
    let mut room = Room::new(PAGE_ROWS_MAX, bytes_max);
    let mut take = |row: &Row<'_>| {
        let fits = room.take(row.get(3)?);
        if fits {
            values.push(of_row(row)?);
        }
        Ok(fits)
    };
    match after {
        None => sql.while_taken(FIRST_PAGE, params![instance.as_str(), now_ms], &mut take)?,
        Some(after) => {
            let params = params![instance.as_str(), now_ms, after.as_str()];
            sql.while_taken(NEXT_PAGE, params, &mut take)?
        }
    };
    Ok(values)
}

fn of_row(row: &Row<'_>) -> rusqlite::Result<InstanceValue> {
    let key = row.get_ref(0)?.as_str();
    let key = key.map_err(|error| head::unreadable(0, error))?;
    Ok(InstanceValue {
        key: ValueKey::from(key),
        version: CommitId(row.get(1)?),
        value: head::bytes(row, 2)?,
    })
}

/// The head of an instance, and the version of one of its values, if that is there.
pub(crate) fn head_with_version(
    sql: &Sql,
    instance: &InstanceId,
    key: &ValueKey,
    now_ms: u64,
) -> rusqlite::Result<Option<(InstanceHead, Option<CommitId>)>> {
    let params = params![instance.as_str(), key.as_str(), now_ms];
    sql.first(HEAD_WITH_VERSION, params, |row| {
        let version = row.get::<_, Option<_>>(HEAD_COLUMNS)?;
        Ok((head::of_row(row)?, version.map(CommitId)))
    })
}

/// Removes values and instances that have expired (VAL-04, EXP-02), the oldest first, and what is left of
/// instances that were removed. Answers whether others may be left.
#[derive(Debug)]
pub(crate) struct Sweep;

impl Member for Sweep {
    type Answer = bool;
    const OPERATION: &'static str = "maintain";
    // What comes back after a loss of power is removed again.
    const ACCESS: Access = Access::Lease;

    fn peek(&self, session: &mut Session) -> rusqlite::Result<Option<bool>> {
        // Others may have written values that this process knows nothing of.
        if session.next_expiry_ms == UNKNOWN_MS || session.is_shared {
            let next_ms: Option<u64> = session
                .sql
                .one(NEXT_EXPIRY, [session.now_ms], |row| row.get(0))?;
            session.next_expiry_ms = next_ms.unwrap_or(NEVER_MS);
        }
        let is_due = session.next_expiry_ms <= session.now_ms;
        Ok((!is_due).then_some(false))
    }

    fn apply(&self, session: &mut Session) -> Applied<bool> {
        let params = params![session.now_ms, SWEPT_VALUES_MAX];
        let swept = session.sql.execute(SWEEP, params)?;
        let has_removed = removal::sweep(session)?;
        session.next_expiry_ms = UNKNOWN_MS;
        Ok(u32::try_from(swept).unwrap_or(u32::MAX) >= SWEPT_VALUES_MAX || has_removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn values_are_found_by_their_indexes() {
        let reading = reading(3);
        for (sql, index) in [
            (&*reading, "value_key"),
            (HEAD_WITH_VERSION, "value_key"),
            (FIRST_PAGE, "value_key"),
            (NEXT_PAGE, "value_key"),
            (NEXT_EXPIRY, "value_expiry"),
            (NEXT_EXPIRY, "instance_expiry"),
            (NEXT_EXPIRY, "instance_managed"),
            (SWEEP, "value_expiry"),
        ] {
            let steps = plan::steps(sql);
            assert!(
                steps.iter().any(|step| step.contains(index)),
                "{sql}: {steps:?}"
            );
        }
    }
}
