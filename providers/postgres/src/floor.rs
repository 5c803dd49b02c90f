//! From where on claims read the indexes.
//!
//! An item becomes claimable at a time that its transaction has read from the clock, so that nothing new
//! comes far before the present. Everything before the first item that was seen is dead, and costs time
//! where a transaction that somebody has left open keeps it from being vacuumed. Now and then, and
//! wherever nothing is found, the whole index is read, so that a transaction which took longer to commit
//! than is allowed for here delays its items a little, and hides nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::hub::Dues;

/// What a transaction may take to commit without its items being passed over for a while.
const MARGIN_MS: i64 = 1_000;
/// How often the whole index is read.
const WHOLE_EVERY_MS: u64 = 1_000;

/// From where on a claim reads the indexes, by the server's time; 0 for all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Floors {
    pub(crate) turns_ms: i64,
    pub(crate) activities_ms: i64,
}

/// The floors of each queue that was claimed from. A node with slots of their own for some queues makes
/// claims of different ones in turn.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    turns: OfQueues,
    activities: OfQueues,
}

/// The floors of queues of one kind.
#[derive(Debug, Default)]
struct OfQueues(HashMap<Arc<str>, Seen>);

/// What was seen of one queue.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    floor_ms: i64,
    /// When all of it was last read.
    whole_at_ms: u64,
}

impl Floor {
    pub(crate) fn set(&mut self, dues: &Dues, is_whole: bool, now_ms: u64) {
        let whole_at_ms = is_whole.then_some(now_ms);
        self.turns.set(&dues.turns_ms, dues.at_ms, whole_at_ms);
        self.activities
            .set(&dues.activities_ms, dues.at_ms, whole_at_ms);
    }

    /// The floors for the next claim, which asks for turns and activities of these queues.
    pub(crate) fn get(&self, turn_queues: &[Arc<str>], queues: &[Arc<str>], now_ms: u64) -> Floors {
        Floors {
            turns_ms: self.turns.get(turn_queues, now_ms),
            activities_ms: self.activities.get(queues, now_ms),
        }
    }
}

impl OfQueues {
    fn set(&mut self, dues: &[(Arc<str>, Option<i64>)], at_ms: i64, whole_at_ms: Option<u64>) {
        for (queue, due_ms) in dues {
            let seen = self.0.entry(Arc::clone(queue)).or_default();
            let first_ms = due_ms.map_or(at_ms, |due_ms| due_ms.min(at_ms));
            seen.floor_ms = (first_ms - MARGIN_MS).max(0);
            seen.whole_at_ms = whole_at_ms.unwrap_or(seen.whole_at_ms);
        }
    }

    /// The floor that holds for all of these, if all of each was read lately.
    fn get(&self, queues: &[Arc<str>], now_ms: u64) -> i64 {
        let floor = |queue| {
            let seen = self.0.get(queue)?;
            // A clock that was set back makes it look like the future, which is no reason to wait.
            (now_ms.abs_diff(seen.whole_at_ms) < WHOLE_EVERY_MS).then_some(seen.floor_ms)
        };
        let floors = queues.iter().map(|queue| floor(queue).unwrap_or(0));
        floors.min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_lies_below_all_that_was_seen_and_is_forgotten_now_and_then() {
        let dues = Dues {
            at_ms: 50_000,
            turns_ms: vec![("t".into(), Some(40_000))],
            activities_ms: vec![("a".into(), Some(70_000)), ("b".into(), Some(45_000))],
            has_peers: false,
        };
        let floors = |turns_ms, activities_ms| Floors {
            turns_ms,
            activities_ms,
        };
        let turns: [Arc<str>; 1] = ["t".into()];
        let queues: [Arc<str>; 2] = ["a".into(), "b".into()];
        let mut floor = Floor::default();
        floor.set(&dues, false, 90_000);
        assert_eq!(floor.get(&turns, &queues, 90_000), Floors::default());
        floor.set(&dues, true, 90_000);
        assert_eq!(floor.get(&turns, &queues, 90_999), floors(39_000, 44_000));
        assert_eq!(
            floor.get(&turns, &queues[..1], 90_999),
            floors(39_000, 49_000)
        );
        assert_eq!(floor.get(&[], &queues, 90_999), floors(0, 44_000));
        assert_eq!(floor.get(&["u".into()], &queues, 90_999), floors(0, 44_000));
        assert_eq!(floor.get(&turns, &queues, 91_000), Floors::default());
    }
}
