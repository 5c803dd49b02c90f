//! What the number of an attempt says about the item.
//!
//! The store counts an attempt when it is claimed, and whatever ends in good order takes it back or
//! starts the count anew. What is left are attempts that ended with their process, those of the
//! item and those that only ran beside it. They are told apart by running an item alone from its
//! third attempt on. That is not kept up for longer than it pays, so that what is counted from then
//! on may still be another's doing; but the last attempts before an item is poison are made strictly
//! alone, and so nothing becomes poison that did not take its process down by itself.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroUsize;

use lru::LruCache;
use parking_lot::Mutex;

use crate::limits::{ATTEMPTS_BESIDE_OTHERS_MAX, ATTEMPTS_STRICTLY_ALONE};
use crate::providers::{ActivityKey, InstanceId, Lease};

/// How many items are remembered. One that is forgotten counts as if nothing had been excused.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// What is tried: an instance's turn or an activity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Item {
    Turn(InstanceId),
    Activity(ActivityKey),
}

impl From<&Lease> for Item {
    fn from(lease: &Lease) -> Self {
        match lease {
            Lease::Turn(lease) => Self::Turn(lease.instance.clone()),
            Lease::Activity(lease) => Self::Activity(lease.key.clone()),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn(instance) => write!(f, "turn of {instance}"),
            Self::Activity(key) => write!(f, "activity {key}"),
        }
    }
}

/// An item that may have killed its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspicion {
    pub(super) item: Item,
    /// This is one of its last attempts: nothing may run beside it until it has ended.
    pub(super) is_strict: bool,
}

/// Attempts that ended by no fault of the item, as far as this node knows.
#[derive(Debug, Clone, Copy)]
struct Excused {
    attempts: u32,
    /// The highest number among them. If a later attempt has a lower one, the count has begun anew;
    /// if it has the same, this one was taken back after it was excused.
    latest: u32,
}

impl Excused {
    /// How many of those before this attempt are excused.
    fn before(self, attempt: u32) -> u32 {
        match self.latest.cmp(&attempt) {
            Ordering::Less => self.attempts,
            Ordering::Equal => self.attempts.saturating_sub(1),
            Ordering::Greater => 0,
        }
    }
}

/// Judges items by their attempts.
#[derive(Debug)]
pub(super) struct Attempts {
    max: u32,
    excused: Mutex<LruCache<Item, Excused>>,
    /// What has not yielded on this node. Its attempts count, and it has killed nobody.
    unyielding: Mutex<LruCache<Item, ()>>,
}

impl Attempts {
    pub(super) fn new(max: u32) -> Self {
        Self {
            max,
            excused: Mutex::new(LruCache::new(REMEMBERED_MAX)),
            unyielding: Mutex::new(LruCache::new(REMEMBERED_MAX)),
        }
    }

    /// Notes what was claimed. If its number is lower than one that was excused, the count has begun
    /// anew: a claim comes later than all that this node has made and lost before.
    pub(super) fn note_claimed(&self, lease: &Lease, attempt: u32) {
        let mut all = self.excused.lock();
        if all.is_empty() {
            return;
        }
        let item = lease.into();
        if all
            .peek(&item)
            .is_some_and(|excused| excused.latest > attempt)
        {
            all.pop(&item);
        }
    }

    /// How many attempts count against an item: those before this one that it made alone and that
    /// nothing else ended, and this one.
    fn counted(&self, attempt: u32, item: impl FnOnce() -> Item) -> u32 {
        let alone = attempt.saturating_sub(ATTEMPTS_BESIDE_OTHERS_MAX);
        if alone == 0 {
            return 0;
        }
        let excused = self.excused.lock().get(&item()).copied();
        alone.saturating_sub(excused.map_or(0, |excused| excused.before(attempt)))
    }

    /// Whether an item was tried so often that it is given up, and by how many attempts. The item is
    /// only asked for if its attempt is a late one.
    pub(super) fn poison(&self, attempt: u32, item: impl FnOnce() -> Item) -> Option<u32> {
        let counted = self.counted(attempt, item);
        (counted > self.max).then_some(counted)
    }

    /// Whether an item is to run with nothing beside it.
    pub(super) fn suspect(&self, attempt: u32, lease: &Lease) -> Option<Suspicion> {
        let counted = self.counted(attempt, || lease.into());
        let may_be_deadly =
            (1..=self.max).contains(&counted) && !self.unyielding.lock().contains(&lease.into());
        may_be_deadly.then(|| Suspicion {
            item: lease.into(),
            is_strict: counted > self.max.saturating_sub(ATTEMPTS_STRICTLY_ALONE),
        })
    }

    /// An attempt has ended since its code did not yield. What it did to the node is known, so that
    /// it need not run alone to find out.
    pub(super) fn note_unyielding(&self, item: Item) {
        self.unyielding.lock().put(item, ());
    }

    /// An attempt has ended by the store's fault, or by the time that has passed; the process and
    /// the item are as well as ever. Of two that a node has lost, the later one may be heard of first.
    pub(super) fn excuse(&self, item: Item, attempt: u32) {
        let mut all = self.excused.lock();
        let before = all.get(&item).copied().unwrap_or(Excused {
            attempts: 0,
            latest: 0,
        });
        let is_new = before.latest != attempt;
        all.put(
            item,
            Excused {
                attempts: before.attempts.saturating_add(u32::from(is_new)),
                latest: before.latest.max(attempt),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::providers::TurnLease;

    fn item(name: &str) -> Item {
        Item::Turn(InstanceId::new(name).unwrap())
    }

    fn is_suspect(attempts: &Attempts, name: &str, attempt: u32) -> bool {
        suspicion(attempts, name, attempt).is_some()
    }

    fn suspicion(attempts: &Attempts, name: &str, attempt: u32) -> Option<Suspicion> {
        attempts.suspect(attempt, &lease(name))
    }

    fn lease(name: &str) -> Lease {
        Lease::Turn(TurnLease {
            instance: InstanceId::new(name).unwrap(),
            token: Entropy.lease_token(),
        })
    }

    #[test]
    fn an_item_is_ordinary_then_a_suspect_and_then_poison() {
        let attempts = Attempts::new(3);
        for attempt in 0..=2 {
            assert!(!is_suspect(&attempts, "i", attempt), "{attempt}");
            assert_eq!(attempts.poison(attempt, || item("i")), None);
        }
        for attempt in 3..=5 {
            assert!(is_suspect(&attempts, "i", attempt), "{attempt}");
            assert_eq!(attempts.poison(attempt, || item("i")), None);
        }
        assert!(!is_suspect(&attempts, "i", 6));
        assert_eq!(attempts.poison(6, || item("i")), Some(4));
    }

    /// Whatever the limit is, an item is tried that often strictly alone before it is poison.
    #[test]
    fn the_last_attempts_before_poison_are_strict() {
        for (max, strict) in [
            (1, 3..=3),
            (2, 3..=4),
            (3, 4..=5),
            (10, 11..=12),
            (u32::MAX, 0..=0),
        ] {
            let attempts = Attempts::new(max);
            for attempt in 1..=14 {
                let is_strict = suspicion(&attempts, "i", attempt).is_some_and(|it| it.is_strict);
                assert_eq!(is_strict, strict.contains(&attempt), "{attempt} of {max}");
            }
        }
        // What is excused puts them off, as it does poison.
        let attempts = Attempts::new(3);
        attempts.excuse(item("i"), 3);
        for (attempt, is_strict) in [(4, false), (5, true), (6, true)] {
            let suspicion = suspicion(&attempts, "i", attempt).unwrap();
            assert_eq!(suspicion.is_strict, is_strict, "{attempt}");
        }
        assert_eq!(attempts.poison(7, || item("i")), Some(4));
    }

    #[test]
    fn what_does_not_yield_counts_and_is_no_suspect() {
        let attempts = Attempts::new(3);
        attempts.note_unyielding(item("i"));
        for attempt in 1..=5 {
            assert!(!is_suspect(&attempts, "i", attempt), "{attempt}");
            assert_eq!(attempts.poison(attempt, || item("i")), None);
        }
        assert!(is_suspect(&attempts, "j", 3));
        assert_eq!(attempts.poison(6, || item("i")), Some(4));
    }

    #[test]
    fn what_is_excused_does_not_count_for_this_item() {
        let attempts = Attempts::new(3);
        for attempt in 1..=20 {
            attempts.excuse(item("i"), attempt);
            assert_eq!(attempts.poison(attempt + 1, || item("i")), None);
            assert!(!is_suspect(&attempts, "i", attempt + 1));
        }
        assert_eq!(attempts.poison(26, || item("i")), Some(4));
        assert_eq!(attempts.poison(21, || item("j")), Some(19));
    }

    /// A node may claim again what it has lost before it hears so, and hears of both at once.
    #[test]
    fn losses_are_excused_in_any_order() {
        let attempts = Attempts::new(3);
        for attempt in [2, 1, 5, 3, 4, 6] {
            attempts.excuse(item("i"), attempt);
        }
        assert!(!is_suspect(&attempts, "i", 7));
        assert_eq!(attempts.poison(11, || item("i")), None);
        assert_eq!(attempts.poison(12, || item("i")), Some(4));
    }

    /// An attempt that was excused, and then taken back by its release, comes with the same number again.
    #[test]
    fn an_attempt_that_was_taken_back_leaves_the_others_excused() {
        let attempts = Attempts::new(3);
        for attempt in 1..=20 {
            attempts.note_claimed(&lease("i"), attempt);
            attempts.excuse(item("i"), attempt);
        }
        for _ in 0..3 {
            attempts.note_claimed(&lease("i"), 20);
            assert!(!is_suspect(&attempts, "i", 20));
            assert_eq!(attempts.poison(20, || item("i")), None);
            attempts.excuse(item("i"), 20);
        }
        assert!(!is_suspect(&attempts, "i", 21));
        assert!(is_suspect(&attempts, "i", 23));
    }

    /// A turn that is committed starts the store's count anew; what was excused before is over.
    #[test]
    fn a_count_that_begins_anew_has_nothing_excused() {
        let attempts = Attempts::new(3);
        for attempt in 1..=10 {
            attempts.excuse(item("i"), attempt);
        }
        assert_eq!(attempts.poison(6, || item("i")), Some(4));
        attempts.note_claimed(&lease("i"), 1);
        attempts.excuse(item("i"), 1);
        assert_eq!(attempts.poison(6, || item("i")), None);
        assert_eq!(attempts.poison(7, || item("i")), Some(4));
    }
}
