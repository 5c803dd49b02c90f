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

/// At which time of how many whoever waits for the instance is told. A rolling deployment in which
/// another node takes the item is over before the first of them, and costs no commit; and nodes that
/// lack different things do not answer each other.
const NOTICE_AT: u32 = 4;
const NOTICE_EVERY: u32 = 8;

/// How much longer an item is given back that is not remembered, where more are than can be: nobody
/// knows how often it was here, and that many must not be claimed all the time.
const CROWD_FACTOR: u32 = 10;

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
    /// The last commit of the instance when it was given back, to see whether somebody ran it since.
    stood_at: Option<CommitId>,
    unfit: Option<Unfit>,
    /// Whether it was passed on since it rested.
    is_passed_on: bool,
}

/// An item that is given back, as it was claimed.
#[derive(Debug, Clone)]
pub(super) struct Returned {
    pub(super) item: Item,
    /// The last commit of the instance. `None` for an activity, and where that commit was a notice,
    /// which is no progress.
    pub(super) stands_at: Option<CommitId>,
    pub(super) unfit: Option<Unfit>,
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
    /// Whether it is given back at once, for others: this node must not claim for a moment then.
    pub(super) is_passed_on: bool,
    /// How many items wait for the same thing, if it is time to say so.
    pub(super) warn_of: Option<usize>,
    /// Whether it is time to tell whoever waits for the instance.
    pub(super) is_notice_due: bool,
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
        returned: Returned,
        missing: &str,
        delays: Delays,
        now_ms: u64,
    ) -> GivenBack {
        let Returned {
            item,
            stands_at,
            unfit,
        } = returned;
        let mut state = self.state.lock();
        let before = state.forget(&item);
        let is_crowded = before.is_none() && state.items.len() >= GIVEN_BACK_ITEMS_MAX;
        // One that somebody has run since is not blocked, and begins anew.
        let before = before.filter(|record| {
            stands_at.is_none() || record.stood_at.is_none() || record.stood_at == stands_at
        });
        let stood_at = stands_at.or(before.as_ref().and_then(|record| record.stood_at));
        // When its rest is over, the node that is woken first claims it, which may be the same one
        // each time. So it leaves the item to others once before it lets it rest again.
        let is_passed_on = before.as_ref().is_some_and(|record| !record.is_passed_on);
        let times = before
            .map_or(0, |record| record.times)
            .saturating_add(u32::from(!is_passed_on));
        let record = Record {
            missing: missing.to_owned(),
            times,
            stood_at,
            unfit,
            is_passed_on,
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
        let longest = if is_crowded {
            delays.max.saturating_mul(CROWD_FACTOR)
        } else {
            delays
                .min
                .saturating_mul(1 << (times - 1).min(20))
                .min(delays.max)
        };
        GivenBack {
            delay: if is_passed_on {
                Duration::ZERO
            } else {
                Entropy.jittered(longest)
            },
            is_passed_on,
            warn_of,
            is_notice_due: !is_passed_on && times % NOTICE_EVERY == NOTICE_AT,
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

    /// How often an item was given back in a row.
    pub(super) fn times(&self, item: &Item) -> u32 {
        let state = self.state.lock();
        state.items.peek(item).map_or(0, |record| record.times)
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

    fn returned(number: usize) -> Returned {
        Returned {
            item: item(number),
            stands_at: None,
            unfit: None,
        }
    }

    /// Gives an item back until it rests, which it does at once or after it was passed on.
    fn rest(given_back: &GiveBacks, returned: Returned) -> GivenBack {
        let given = given_back.note(returned.clone(), "A", DELAYS, 0);
        if given.is_passed_on {
            assert_eq!(given.delay, Duration::ZERO);
            return given_back.note(returned, "A", DELAYS, 0);
        }
        given
    }

    fn commit(number: u128) -> CommitId {
        CommitId(Uuid::from_u128(number))
    }

    fn item(number: usize) -> Item {
        Item::Turn(id(number))
    }

    fn id(number: usize) -> InstanceId {
        InstanceId::new(format!("i{number}")).unwrap()
    }

    #[test]
    fn the_delay_grows_to_its_maximum_and_begins_anew_once_the_item_was_run() {
        let given_back = GiveBacks::default();
        let delay = |given_back: &GiveBacks| rest(given_back, returned(1)).delay.as_millis();
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
            |number, missing, now_ms| given_back.note(returned(number), missing, DELAYS, now_ms);
        assert_eq!(note(1, "A", 0).warn_of, Some(1));
        assert_eq!(note(2, "A", 10).warn_of, None);
        assert_eq!(note(2, "A", 20).warn_of, None);
        assert_eq!(note(3, "B", 20).warn_of, Some(1));
        assert_eq!(note(1, "A", 30_000).warn_of, Some(2));
        given_back.forget(|| item(1));
        assert_eq!(note(2, "A", 60_000).warn_of, Some(1));
        let due: Vec<usize> = (1..=20)
            .filter(|_| rest(&given_back, returned(9)).is_notice_due)
            .collect();
        assert_eq!(due, [4, 12, 20]);
    }

    #[test]
    fn what_did_not_fit_a_commit_does_not_fit_it_the_next_time() {
        let given_back = GiveBacks::default();
        let details = ErrorDetails::Configuration {
            kind: ConfigErrorKind::Nondeterminism,
            resource: "Order".to_owned(),
            message: None,
        };
        let unfit = Unfit {
            at: commit(1),
            details: details.clone(),
        };
        let unfit = Returned {
            unfit: Some(unfit),
            ..returned(1)
        };
        given_back.note(unfit, "A", DELAYS, 0);
        let known = |number, commit| given_back.known_unfit(&id(number), commit);
        assert_eq!(known(1, Some(commit(1))), Some(details));
        assert_eq!(known(1, Some(commit(2))), None);
        assert_eq!(known(1, None), None);
        assert_eq!(known(2, Some(commit(1))), None);
    }

    /// A node that lacks the code meets an instance that another node runs again and again.
    #[test]
    fn an_instance_that_somebody_runs_is_not_blocked() {
        let given_back = GiveBacks::default();
        for number in 1..100 {
            let at = Returned {
                stands_at: Some(commit(number)),
                ..returned(1)
            };
            let given = rest(&given_back, at);
            assert!(given.delay <= DELAYS.min && !given.is_notice_due);
        }
        let stuck = || Returned {
            stands_at: Some(commit(99)),
            ..returned(1)
        };
        for _ in 0..20 {
            rest(&given_back, stuck());
        }
        assert!(rest(&given_back, stuck()).delay >= DELAYS.max / 2);
        // Where the last commit is a notice, nothing has gone on.
        assert!(rest(&given_back, returned(1)).delay >= DELAYS.max / 2);
    }

    /// More wait than are remembered: each is left alone for long, or they would be claimed in turn
    /// for ever, as if for the first time.
    #[test]
    fn a_crowd_is_left_alone_for_long() {
        let given_back = GiveBacks::default();
        let mut shortest = Duration::MAX;
        for round in 0..3 {
            for number in 0..2 * GIVEN_BACK_ITEMS_MAX {
                let given = given_back.note(returned(number), "A", DELAYS, 0);
                if round > 0 {
                    shortest = shortest.min(given.delay);
                }
            }
        }
        assert!(shortest >= DELAYS.max, "{shortest:?}");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let given_back = GiveBacks::default();
        for number in 0..GIVEN_BACK_ITEMS_MAX + 100 {
            given_back.note(returned(number), &number.to_string(), DELAYS, 0);
        }
        let state = given_back.state.lock();
        assert_eq!(state.items.len(), GIVEN_BACK_ITEMS_MAX);
        assert!(state.missing.len() <= GIVEN_BACK_ITEMS_MAX + 1);
    }
}
