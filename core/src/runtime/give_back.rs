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
use crate::providers::{CommitId, InstanceHead, InstanceId};

/// How often the log repeats that the same thing is missing.
const WARN_EVERY_MS: u64 = 30_000;

/// For how long a thing has been missed before the first warning, which so names a backlog instead of
/// the first item of it.
const GATHER_MS: u64 = 1_000;

/// What was missed so long ago is missed as if for the first time.
const QUIET_MS: u64 = 600_000;

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

impl Delays {
    /// The longest time for which an item is given back that was so often before; it is twice as long
    /// each time.
    pub(super) fn after(self, times: u32) -> Duration {
        self.min.saturating_mul(1 << times.min(20)).min(self.max)
    }
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
    /// How often of these in a row for what is missing now.
    times_for_this: u32,
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

/// Where the code was seen not to fit, and in which way.
#[derive(Debug, Clone)]
pub(super) struct Unfit {
    /// The [`mark`] of the instance.
    pub(super) at: CommitId,
    pub(super) details: ErrorDetails,
}

/// By what it is known that an instance stands where it stood: its last commit, or its life before the first
/// one. A fork has a history then that code may not fit.
pub(super) fn mark(head: &InstanceHead) -> CommitId {
    head.commit_id.unwrap_or(CommitId(head.incarnation.0))
}

#[derive(Debug, Default)]
struct Missing {
    items: usize,
    /// When it was missed for the first time, and the last one.
    missed_ms: Option<(u64, u64)>,
    warned_at_ms: Option<u64>,
}

impl Missing {
    /// Notes that one more item waits for this, and answers how many do if it is time to say so. The
    /// first word waits for others, unless nothing would come back soon that could bring it.
    fn warn_of(&mut self, now_ms: u64, comes_soon: bool) -> Option<usize> {
        self.items += 1;
        let recent = self
            .missed_ms
            .filter(|(_, last_ms)| now_ms.abs_diff(*last_ms) < QUIET_MS);
        if recent.is_none() {
            self.warned_at_ms = None;
        }
        let first_ms = recent.map_or(now_ms, |(first_ms, _)| first_ms);
        self.missed_ms = Some((first_ms, now_ms));
        let is_due = match self.warned_at_ms {
            Some(at_ms) => now_ms.abs_diff(at_ms) >= WARN_EVERY_MS,
            None => !comes_soon || now_ms.abs_diff(first_ms) >= GATHER_MS,
        };
        is_due.then(|| {
            self.warned_at_ms = Some(now_ms);
            self.items
        })
    }
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
        let once_more = u32::from(!is_passed_on);
        let times_for_this = before
            .as_ref()
            .filter(|record| record.missing == missing)
            .map_or(0, |record| record.times_for_this)
            .saturating_add(once_more);
        let times = before
            .map_or(0, |record| record.times)
            .saturating_add(once_more);
        let record = Record {
            missing: missing.to_owned(),
            times,
            times_for_this,
            stood_at,
            unfit,
            is_passed_on,
        };
        state.items.push(item, record);
        let comes_soon = delays.min <= Duration::from_millis(GATHER_MS);
        let waiting = state.missing.entry(missing.to_owned()).or_default();
        let warn_of = waiting.warn_of(now_ms, comes_soon);
        state.shrink();
        drop(state);
        let longest = if is_crowded {
            delays.max.saturating_mul(CROWD_FACTOR)
        } else {
            delays.after(times - 1)
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

    /// In which way the code was seen not to fit the instance where it had this [`mark`]: another replay
    /// would lead to the same.
    pub(super) fn known_unfit(
        &self,
        instance: &InstanceId,
        mark: CommitId,
    ) -> Option<ErrorDetails> {
        let state = self.state.lock();
        if state.items.is_empty() {
            return None;
        }
        let record = state.items.peek(&Item::Turn(instance.clone()))?;
        let unfit = record.unfit.as_ref()?;
        (unfit.at == mark).then(|| unfit.details.clone())
    }

    /// Whether an item was given back, and has not been run since.
    pub(super) fn has(&self, item: &Item) -> bool {
        let state = self.state.lock();
        !state.items.is_empty() && state.items.contains(item)
    }

    /// Whether an item was given back for this so often in a row that whoever waits for it was told.
    pub(super) fn has_lasted(&self, item: &Item, missing: &str) -> bool {
        let state = self.state.lock();
        let record = state.items.peek(item);
        record.is_some_and(|it| it.missing == missing && it.times_for_this >= NOTICE_AT)
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
    use crate::providers::{Incarnation, NewInstance};

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
    fn a_thing_is_missed_loudly_soon_and_then_every_half_a_minute_with_how_many_wait() {
        let given_back = GiveBacks::default();
        let note =
            |number, missing, now_ms| given_back.note(returned(number), missing, DELAYS, now_ms);
        // A backlog comes in several claims.
        for number in 1..=200 {
            assert_eq!(note(number, "A", number as u64).warn_of, None);
        }
        assert_eq!(note(1, "A", 1_001).warn_of, Some(200));
        assert_eq!(note(201, "B", 1_001).warn_of, None);
        assert_eq!(note(1, "A", 1_200).warn_of, None);
        assert_eq!(note(201, "B", 2_001).warn_of, Some(1));
        for number in 3..=200 {
            given_back.forget(|| item(number));
        }
        assert_eq!(note(1, "A", 31_000).warn_of, None);
        assert_eq!(note(1, "A", 31_001).warn_of, Some(2));
        given_back.forget(|| item(1));
        assert_eq!(note(2, "A", 62_000).warn_of, Some(1));
        // After a long time it is as if it had never been missed.
        let later_ms = 63_000 + QUIET_MS;
        assert_eq!(note(2, "A", later_ms).warn_of, None);
        assert_eq!(note(2, "A", later_ms + GATHER_MS).warn_of, Some(1));
    }

    /// Where an item rests for long, nobody waits for its return with the first warning.
    #[test]
    fn what_is_given_back_for_long_is_warned_of_at_once() {
        let given_back = GiveBacks::default();
        let delays = Delays {
            min: Duration::from_secs(60),
            max: Duration::from_secs(60),
        };
        let given = given_back.note(returned(1), "A", delays, 0);
        assert_eq!(given.warn_of, Some(1));
    }

    /// What was missing before says nothing of how long something else has failed.
    #[test]
    fn what_has_lasted_is_one_thing() {
        let given_back = GiveBacks::default();
        for _ in 0..4 {
            rest(&given_back, returned(1));
        }
        assert!(given_back.has_lasted(&item(1), "A"));
        assert!(!given_back.has_lasted(&item(1), "B"));
        for _ in 0..2 {
            given_back.note(returned(1), "B", DELAYS, 0);
        }
        assert!(!given_back.has_lasted(&item(1), "A"));
        assert!(!given_back.has_lasted(&item(1), "B"));
    }

    #[test]
    fn whoever_waits_is_told_now_and_then() {
        let given_back = GiveBacks::default();
        let times: Vec<(usize, bool, bool)> = (1..=20)
            .map(|time| {
                let is_due = rest(&given_back, returned(9)).is_notice_due;
                (time, is_due, given_back.has_lasted(&item(9), "A"))
            })
            .collect();
        let due = times.iter().filter(|(_, is_due, _)| *is_due);
        assert_eq!(due.map(|it| it.0).collect::<Vec<_>>(), [4, 12, 20]);
        assert!(times.iter().all(|it| it.2 == (it.0 >= 4)), "{times:?}");
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
        let known = |number, mark| given_back.known_unfit(&id(number), mark);
        assert_eq!(known(1, commit(1)), Some(details));
        assert_eq!(known(1, commit(2)), None);
        assert_eq!(known(2, commit(1)), None);
    }

    /// A fork that has not begun has a history, and no commit.
    #[test]
    fn what_has_no_commit_is_known_by_its_life() {
        let newborn = NewInstance::new(id(1), "Order");
        let life = |number| Incarnation(Uuid::from_u128(number));
        let mut head = InstanceHead::new(newborn, life(1), 0);
        let at_first = mark(&head);
        head.incarnation = life(2);
        assert_ne!(mark(&head), at_first);
        head.commit_id = Some(commit(3));
        assert_eq!(mark(&head), commit(3));
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
