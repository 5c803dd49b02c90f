//! From where on claims read the indexes.
//!
//! An item becomes claimable at a time that its transaction has read from the clock, so that nothing new
//! comes far before the present. Everything before the first item that was seen is dead, and costs time
//! where a transaction that somebody has left open keeps it from being vacuumed. Now and then, and
//! wherever nothing is found, the whole index is read, so that a transaction which took longer to commit
//! than is allowed for here delays its items a little, and hides nothing.

use std::sync::Arc;

use crate::hub::Dues;

/// What a transaction may take to commit without its items being passed over for a while.
const MARGIN_MS: i64 = 1_000;
/// How often the whole index is read.
const WHOLE_EVERY_MS: u64 = 1_000;

/// From where on claims read the indexes, by the server's time; 0 for all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Floors {
    pub(crate) turns_ms: i64,
    pub(crate) activities_ms: i64,
}

impl Floors {
    /// What follows from what a claim has seen.
    fn after(dues: &Dues) -> Self {
        let floor = |due_ms: Option<i64>| {
            let first_ms = due_ms.map_or(dues.at_ms, |due_ms| due_ms.min(dues.at_ms));
            (first_ms - MARGIN_MS).max(0)
        };
        let first = |dues: &[(Arc<str>, Option<i64>)]| dues.iter().filter_map(|it| it.1).min();
        Self {
            turns_ms: floor(first(&dues.turns_ms)),
            activities_ms: floor(first(&dues.activities_ms)),
        }
    }
}

/// The floors, for which queues they hold, and when the whole index was last read.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    floors: Floors,
    turn_queues: Vec<Arc<str>>,
    queues: Vec<Arc<str>>,
    whole_at_ms: u64,
}

impl Floor {
    pub(crate) fn set(&mut self, dues: &Dues, is_whole: bool, now_ms: u64) {
        self.floors = Floors::after(dues);
        let names = |dues: &[(Arc<str>, Option<i64>)]| {
            let names = dues.iter().map(|(queue, _)| Arc::clone(queue));
            names.collect()
        };
        self.turn_queues = names(&dues.turns_ms);
        self.queues = names(&dues.activities_ms);
        if is_whole {
            self.whole_at_ms = now_ms;
        }
    }

    /// The floors for the next claim, which asks for turns and activities of these queues.
    pub(crate) fn get(&self, turn_queues: &[Arc<str>], queues: &[Arc<str>], now_ms: u64) -> Floors {
        // A clock that was set back makes it look like the future, which is no reason to wait.
        let is_recent = now_ms.abs_diff(self.whole_at_ms) < WHOLE_EVERY_MS;
        if is_recent && self.turn_queues == turn_queues && self.queues == queues {
            self.floors
        } else {
            Floors::default()
        }
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
            activities_ms: vec![("a".into(), Some(70_000)), ("b".into(), None)],
            has_peers: false,
        };
        let floors = Floors::after(&dues);
        assert_eq!((floors.turns_ms, floors.activities_ms), (39_000, 49_000));
        let turns: [Arc<str>; 1] = ["t".into()];
        let queues: [Arc<str>; 2] = ["a".into(), "b".into()];
        let mut floor = Floor::default();
        floor.set(&dues, false, 90_000);
        assert_eq!(floor.get(&turns, &queues, 90_000), Floors::default());
        floor.set(&dues, true, 90_000);
        assert_eq!(floor.get(&turns, &queues, 90_999), floors);
        assert_eq!(floor.get(&turns, &queues, 91_000), Floors::default());
        assert_eq!(floor.get(&turns, &queues[..1], 90_000), Floors::default());
        assert_eq!(floor.get(&[], &queues, 90_000), Floors::default());
    }
}
