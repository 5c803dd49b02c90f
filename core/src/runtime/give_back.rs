//! What this node has claimed and cannot run: it is given back, for longer each time, so that a node
//! that can run it takes it.

use std::collections::BTreeMap;
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;

use super::attempts::Item;
use crate::entropy::Entropy;
use crate::event::ErrorDetails;
use crate::limits::GIVEN_BACK_ITEMS_MAX;
use crate::providers::{CommitId, InstanceId};

/// How often the log repeats that the same thing is missing.
const WARN_EVERY_MS: u64 = 30_000;

/// From how many times on whoever waits for the instance is told. A rolling deployment in which
/// another node takes the item is over by then, and costs no commit.
const TIMES_BEFORE_NOTICE: u32 = 4;

/// The shortest and the longest time for which an item is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delays {
    pub(super) min: Duration,
    pub(super) max: Duration,
}

/// What this node has given back, and how often. What it no longer remembers begins anew.
#[derive(Debug)]
pub(super) struct GiveBacks {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    items: LruCache<Item, Record>,
    missing: BTreeMap<String, Missing>,
}

#[derive(Debug, Clone)]
struct Record {
    missing: String,
    times: u32,
    unfit: Option<Unfit>,
}

/// The commit at which the code was seen not to fit, and in which way.
#[derive(Debug, Clone)]
pub(super) struct Unfit {
    pub(super) at: CommitId,
    pub(super) details: ErrorDetails,
}

#[derive(Debug, Default)]
struct Missing {
    items: usize,
    warned_at_ms: Option<u64>,
}

/// How an item is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenBack {
    pub(super) delay: Duration,
    /// How many items wait for the same thing, if it is time to say so.
    pub(super) warn_of: Option<usize>,
    /// Whether whoever waits for the instance should hear of it.
    pub(super) is_lasting: bool,
    /// Whether it is so for the first time.
    pub(super) is_first_lasting: bool,
}

impl Default for GiveBacks {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                items: LruCache::unbounded(),
                missing: BTreeMap::new(),
            }),
        }
    }
}

impl GiveBacks {
    /// Notes that an item is given back once more since this is missing.
    pub(super) fn note(
        &self,
        item: Item,
        missing: &str,
        unfit: Option<Unfit>,
        delays: Delays,
        now_ms: u64,
    ) -> GivenBack {
        let mut state = self.state.lock();
        let before = state.forget(&item);
        let times = before.map_or(0, |record| record.times).saturating_add(1);
        let record = Record {
            missing: missing.to_owned(),
            times,
            unfit,
        };
        state.items.push(item, record);
        let waiting = state.missing.entry(missing.to_owned()).or_default();
        waiting.items += 1;
        let is_due = waiting
            .warned_at_ms
            .is_none_or(|at_ms| now_ms.abs_diff(at_ms) >= WARN_EVERY_MS);
        let warn_of = is_due.then(|| {
            waiting.warned_at_ms = Some(now_ms);
            waiting.items
        });
        state.shrink();
        drop(state);
        let longest = delays
            .min
            .saturating_mul(1 << (times - 1).min(20))
            .min(delays.max);
        GivenBack {
            delay: Entropy.jittered(longest),
            warn_of,
            is_lasting: times >= TIMES_BEFORE_NOTICE,
            is_first_lasting: times == TIMES_BEFORE_NOTICE,
        }
    }

    /// In which way the code was seen not to fit the instance as this commit left it: another replay
    /// would lead to the same.
    pub(super) fn known_unfit(
        &self,
        instance: &InstanceId,
        commit_id: Option<CommitId>,
    ) -> Option<ErrorDetails> {
        let state = self.state.lock();
        if state.items.is_empty() {
            return None;
        }
        let record = state.items.peek(&Item::Turn(instance.clone()))?;
        let unfit = record.unfit.as_ref()?;
        (Some(unfit.at) == commit_id).then(|| unfit.details.clone())
    }

    /// The item was run after all.
    pub(super) fn forget(&self, item: impl FnOnce() -> Item) {
        let mut state = self.state.lock();
        if !state.items.is_empty() {
            state.forget(&item());
        }
    }
}

impl State {
    fn forget(&mut self, item: &Item) -> Option<Record> {
        let record = self.items.pop(item)?;
        self.leave(&record);
        Some(record)
    }

    /// Takes an item off the count of those that wait for the same. What nothing waits for is
    /// remembered until another thing is missed, so that a single item that comes and goes is not
    /// warned of each time.
    fn leave(&mut self, record: &Record) {
        if let Some(missing) = self.missing.get_mut(&record.missing) {
            missing.items = missing.items.saturating_sub(1);
        }
    }

    fn shrink(&mut self) {
        while self.items.len() > GIVEN_BACK_ITEMS_MAX {
            let Some((_, record)) = self.items.pop_lru() else {
                break;
            };
            self.leave(&record);
        }
        if self.missing.len() > GIVEN_BACK_ITEMS_MAX {
            self.missing.retain(|_, missing| missing.items > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::event::ConfigErrorKind;

    const DELAYS: Delays = Delays {
        min: Duration::from_millis(100),
        max: Duration::from_secs(30),
    };

    fn item(number: usize) -> Item {
        Item::Turn(id(number))
    }

    fn id(number: usize) -> InstanceId {
        InstanceId::new(format!("i{number}")).unwrap()
    }

    #[test]
    fn the_delay_grows_to_its_maximum_and_begins_anew_once_the_item_was_run() {
        let given_back = GiveBacks::default();
        let delay = |given_back: &GiveBacks| {
            given_back
                .note(item(1), "A", None, DELAYS, 0)
                .delay
                .as_millis()
        };
        for longest in [100, 200, 400, 800, 1_600] {
            let drawn = delay(&given_back);
            assert!(
                drawn >= longest / 2 && drawn <= longest,
                "{drawn} of {longest}"
            );
        }
        for _ in 0..50 {
            assert!(delay(&given_back) <= 30_000);
        }
        assert!(delay(&given_back) >= 15_000);
        given_back.forget(|| item(1));
        assert!(delay(&given_back) <= 100);
    }

    #[test]
    fn a_thing_is_missed_loudly_at_first_and_then_every_half_a_minute_with_how_many_wait() {
        let given_back = GiveBacks::default();
        let note =
            |number, missing, now_ms| given_back.note(item(number), missing, None, DELAYS, now_ms);
        assert_eq!(note(1, "A", 0).warn_of, Some(1));
        assert_eq!(note(2, "A", 10).warn_of, None);
        assert_eq!(note(2, "A", 20).warn_of, None);
        assert_eq!(note(3, "B", 20).warn_of, Some(1));
        assert_eq!(note(1, "A", 30_000).warn_of, Some(2));
        given_back.forget(|| item(1));
        assert_eq!(note(2, "A", 60_000).warn_of, Some(1));
        let lasting: Vec<bool> = (0..5).map(|_| note(9, "A", 1).is_lasting).collect();
        assert_eq!(lasting, [false, false, false, true, true]);
    }

    #[test]
    fn what_did_not_fit_a_commit_does_not_fit_it_the_next_time() {
        let given_back = GiveBacks::default();
        let at = |number| CommitId(Uuid::from_u128(number));
        let details = ErrorDetails::Configuration {
            kind: ConfigErrorKind::Nondeterminism,
            resource: "Order".to_owned(),
            message: None,
        };
        let unfit = Unfit {
            at: at(1),
            details: details.clone(),
        };
        given_back.note(item(1), "A", Some(unfit), DELAYS, 0);
        let known = |number, commit| given_back.known_unfit(&id(number), commit);
        assert_eq!(known(1, Some(at(1))), Some(details));
        assert_eq!(known(1, Some(at(2))), None);
        assert_eq!(known(1, None), None);
        assert_eq!(known(2, Some(at(1))), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let given_back = GiveBacks::default();
        for number in 0..GIVEN_BACK_ITEMS_MAX + 100 {
            given_back.note(item(number), &number.to_string(), None, DELAYS, 0);
        }
        let state = given_back.state.lock();
        assert_eq!(state.items.len(), GIVEN_BACK_ITEMS_MAX);
        assert!(state.missing.len() <= GIVEN_BACK_ITEMS_MAX + 1);
    }
}
