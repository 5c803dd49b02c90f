//! When a row was written, and what follows from it for the store's time.
//!
//! A row says until when it is left alone, which may be far ahead: a timer may. Its `claim_order`
//! says when that was decided. If that time has not come yet, the machine's clock was set back
//! since, and the store's time goes on from there: what was to happen in ten seconds happens in ten
//! seconds. Mail that nobody awaits is in no such row; so the store's time is noted when the store is
//! closed, and now and then.

use crate::clock::StoreClock;
use crate::sql::Sql;

/// A `claim_order` is a time in milliseconds and a count within it.
const TIME_BITS: u32 = 42;
const COUNT_BITS: u32 = 20;

/// Of all that is left alone for now. The first reads an index and nothing else.
const LATEST_TURN: &str = "SELECT max(claim_order) FROM instance WHERE claim_at > ?1";
const LATEST_ACTIVITY: &str = "SELECT max(instance.claim_order)
     FROM activity JOIN instance ON instance.ino = activity.ino WHERE activity.claim_at > ?1";

const LATEST_NOTED: &str = "SELECT max(at_ms) FROM latest";
const NOTE: &str = "INSERT INTO latest (one, at_ms) VALUES (1, ?1)
     ON CONFLICT (one) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)";

/// Beyond this the clock was set back, and not merely adjusted.
const NOTEWORTHY_MS: u64 = 1_000;

/// The first `claim_order` of this time.
pub(crate) fn claim_order_at(now_ms: u64) -> i64 {
    let latest_ms = (1_u64 << TIME_BITS) - 1;
    i64::try_from(now_ms.min(latest_ms) << COUNT_BITS).unwrap_or(i64::MAX)
}

/// The time at which this `claim_order` was given out.
pub(crate) fn time_of(claim_order: i64) -> u64 {
    u64::try_from(claim_order >> COUNT_BITS).unwrap_or_default()
}

/// Notes the store's time.
pub(crate) fn note(sql: &Sql, now_ms: u64) -> rusqlite::Result<()> {
    sql.execute(NOTE, [now_ms]).map(drop)
}

/// Lets a clock go on from the latest time that was noted, or at which anything was written that is left
/// alone now.
pub(crate) fn follow(sql: &Sql, clock: &StoreClock) -> rusqlite::Result<()> {
    let now_ms = clock.now_ms();
    let latest = |query| sql.one(query, [now_ms], |row| row.get::<_, Option<i64>>(0));
    let noted_ms = sql.one(LATEST_NOTED, [], |row| row.get::<_, Option<u64>>(0))?;
    let latest_ms = latest(LATEST_TURN)?
        .max(latest(LATEST_ACTIVITY)?)
        .map_or(0, time_of)
        .max(noted_ms.unwrap_or(0));
    clock.not_before(latest_ms);
    let ahead_ms = latest_ms.saturating_sub(now_ms);
    if ahead_ms > NOTEWORTHY_MS {
        tracing::warn!(
            ahead_ms,
            "the machine's clock was set back; the store's time goes on from where it stood"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use duroxide_core::clock::ManualClock;

    use super::*;
    use crate::location::Location;
    use crate::options::SqliteOptions;
    use crate::stats::Counters;

    #[test]
    fn a_claim_order_tells_its_time() {
        for now_ms in [0, 1, 1_767_571_200_000] {
            assert_eq!(time_of(claim_order_at(now_ms)), now_ms);
            assert_eq!(time_of(claim_order_at(now_ms) + 1_000_000), now_ms);
        }
        assert_eq!(time_of(-1), 0);
    }

    #[test]
    fn the_look_at_the_turns_uses_their_index() {
        let connection =
            crate::connection::open_writer(&Location::Memory, &SqliteOptions::default()).unwrap();
        let sql = Sql::new(connection, Arc::new(Counters::default()));
        let plan = format!("EXPLAIN QUERY PLAN {LATEST_TURN}");
        let plan: String = sql.one(&plan, [0], |row| row.get(3)).unwrap();
        assert!(plan.contains("COVERING INDEX instance_ready"), "{plan}");
    }

    #[test]
    fn an_empty_store_follows_its_clock() {
        let connection =
            crate::connection::open_writer(&Location::Memory, &SqliteOptions::default()).unwrap();
        let sql = Sql::new(connection, Arc::new(Counters::default()));
        let clock = StoreClock::new(Arc::new(ManualClock::at_ms(7)));
        follow(&sql, &clock).unwrap();
        assert_eq!(clock.now_ms(), 7);
    }
}
