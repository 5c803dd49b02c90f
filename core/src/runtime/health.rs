//! How a runtime stands: with its store, with what keeps it from working, and with code that hangs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::limits::HEALTH_ITEMS_MAX;
use crate::providers::{ErrorKind, ProviderError};

/// How a runtime stands at present, by its own experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The operations that failed when they were last tried; none if all is well.
    pub faults: Vec<Fault>,
    /// What this node does not take on for now, if anything.
    pub held_back: Option<HeldBack>,
    /// The turns whose code blocks a thread of this node, longest first; no more than
    /// [`HEALTH_ITEMS_MAX`].
    pub blocking: Vec<BlockingTurn>,
}

impl Health {
    /// Whether nothing of the store fails. Work that is held back, and code that hangs, make no node
    /// unhealthy: to take it out of service would help neither.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.faults.is_empty()
    }
}

/// An operation of the store that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The operation: `claim`, `commit`, `read_history`, `renew` and so on.
    pub operation: &'static str,
    /// How it failed last.
    pub kind: ErrorKind,
    /// What the store said last.
    pub message: String,
    /// Since when it has failed without a success in between, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// When it failed last, in milliseconds since the Unix epoch.
    pub last_ms: u64,
    /// How often it has failed since it succeeded last.
    pub count: u64,
}

/// Work that a runtime does not take on, since something that may have killed its process runs
/// alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldBack {
    /// What runs alone, or will as soon as the rest has ended, as the log names it: an instance's
    /// turn, or an activity. No more than [`HEALTH_ITEMS_MAX`].
    pub items: Vec<String>,
    /// Whether turns are held back as well; activities are.
    pub with_turns: bool,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// A turn whose code does not yield and so blocks a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockingTurn {
    /// The instance.
    pub instance_id: String,
    /// What it runs.
    pub orchestration_name: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Whether it is past [`turn_deadline`](super::RuntimeOptions::turn_deadline): its turn is given
    /// up and has counted as an attempt.
    pub is_overdue: bool,
}

/// After so long without another failure a fault is not reported any more: nothing has asked for the
/// operation since, and whoever takes an unhealthy node out of service would never see it return.
const FAULT_MS_MAX: u64 = 60_000;

/// From so many failures in a row on an operation is taken to fail for everybody, and not for what one
/// caller wants of it.
const FAILURES_MIN: u64 = 3;

/// The faults behind a [`Health`].
#[derive(Debug, Default)]
pub(super) struct HealthRecord {
    faults: Mutex<BTreeMap<&'static str, Fault>>,
    /// Whether there are any; so that a success costs nothing while all is well.
    any: AtomicBool,
    held_back: Mutex<Option<HeldBack>>,
}

impl HealthRecord {
    /// Notes what came of an operation. A refusal is an answer, and no fault of the store's.
    pub(super) fn note<T>(
        &self,
        operation: &'static str,
        result: &Result<T, ProviderError>,
        clock: &dyn Clock,
    ) {
        match result {
            Err(error) if is_fault(error) => self.failed(operation, error, clock.now_ms()),
            _ => self.succeeded(operation),
        }
    }

    fn failed(&self, operation: &'static str, error: &ProviderError, now_ms: u64) {
        let mut faults = self.faults.lock();
        let fault = faults.entry(operation).or_insert_with(|| Fault {
            operation,
            kind: error.kind(),
            message: String::new(),
            since_ms: now_ms,
            last_ms: now_ms,
            count: 0,
        });
        fault.kind = error.kind();
        fault.message = error.to_string();
        fault.last_ms = now_ms;
        fault.count += 1;
        self.any.store(true, Ordering::Release);
    }

    fn succeeded(&self, operation: &'static str) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut faults = self.faults.lock();
        faults.remove(operation);
        if operation == "commit" {
            // What can be committed can be released as well, which a healthy node never does.
            faults.remove("release");
        }
        self.any.store(!faults.is_empty(), Ordering::Release);
    }

    /// Whether this operation has failed several times in a row.
    pub(super) fn is_failing(&self, operation: &'static str) -> bool {
        self.any.load(Ordering::Acquire)
            && self
                .faults
                .lock()
                .get(operation)
                .is_some_and(|fault| fault.count >= FAILURES_MIN)
    }

    /// Notes that nothing is taken on for the sake of these.
    pub(super) fn hold_back(&self, items: impl Iterator<Item = String>, now_ms: u64) {
        *self.held_back.lock() = Some(HeldBack {
            items: items.take(HEALTH_ITEMS_MAX).collect(),
            with_turns: true,
            since_ms: now_ms,
        });
    }

    /// Notes that turns are taken on again.
    pub(super) fn hold_back_activities_only(&self) {
        if let Some(held_back) = &mut *self.held_back.lock() {
            held_back.with_turns = false;
        }
    }

    /// Notes that everything is taken on again.
    pub(super) fn end_hold(&self) {
        *self.held_back.lock() = None;
    }

    /// What is known here; the turns that hang are not.
    pub(super) fn report(&self, now_ms: u64) -> Health {
        let held_back = self.held_back.lock().clone();
        let faults = self.faults.lock();
        let recent = faults
            .values()
            .filter(|fault| now_ms.saturating_sub(fault.last_ms) <= FAULT_MS_MAX);
        Health {
            faults: recent.cloned().collect(),
            held_back,
            blocking: Vec::new(),
        }
    }
}

/// Whether an error is the store's own: what it says of a request's content or of its fences is an
/// answer.
pub(super) fn is_fault(error: &ProviderError) -> bool {
    match error.kind() {
        ErrorKind::LeaseLost
        | ErrorKind::PositionConflict
        | ErrorKind::AlreadyExists
        | ErrorKind::NotFound
        | ErrorKind::Ended
        | ErrorKind::InvalidInput
        | ErrorKind::LimitExceeded => false,
        ErrorKind::Corrupt
        | ErrorKind::Unsupported
        | ErrorKind::Unavailable
        | ErrorKind::CommitUnknown
        | ErrorKind::Config
        | ErrorKind::Unexpected => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn at(now_ms: u64) -> ManualClock {
        ManualClock::at_ms(now_ms)
    }

    fn failed(kind: ErrorKind) -> Result<(), ProviderError> {
        Err(ProviderError::new(kind, "commit", "told to fail"))
    }

    const DONE: Result<(), ProviderError> = Ok(());

    #[test]
    fn a_fault_lasts_until_the_operation_succeeds_or_is_not_asked_for() {
        let record = HealthRecord::default();
        assert!(record.report(0).is_healthy());
        record.note("commit", &failed(ErrorKind::Config), &at(5));
        record.note("commit", &failed(ErrorKind::Unavailable), &at(7));
        record.note("claim", &failed(ErrorKind::Unavailable), &at(8));
        record.note("release", &failed(ErrorKind::Unavailable), &at(8));
        let health = record.report(9);
        let commit = &health.faults[1];
        let times = (commit.since_ms, commit.last_ms, commit.count);
        assert_eq!((commit.operation, times), ("commit", (5, 7, 2)));
        assert_eq!(commit.kind, ErrorKind::Unavailable);
        // Twice may be what one caller wanted.
        assert!(!record.is_failing("commit"));
        record.note("commit", &failed(ErrorKind::Unavailable), &at(9));
        assert!(record.is_failing("commit"));
        record.note("commit", &DONE, &at(9));
        assert!(!record.is_failing("commit"));
        let left: Vec<_> = record.report(9).faults;
        assert_eq!(
            left.iter().map(|it| it.operation).collect::<Vec<_>>(),
            ["claim"]
        );
        assert!(record.report(8 + FAULT_MS_MAX + 1).is_healthy());
        record.note("claim", &DONE, &at(9));
        assert!(record.report(9).is_healthy());
    }

    #[test]
    fn what_is_held_back_is_named_until_it_is_not() {
        let record = HealthRecord::default();
        assert_eq!(record.report(0).held_back, None);
        let items = (0..2 * HEALTH_ITEMS_MAX).map(|number| format!("turn of i{number}"));
        record.hold_back(items, 7);
        let held_back = |now_ms| record.report(now_ms).held_back.unwrap();
        assert_eq!(held_back(8).items.len(), HEALTH_ITEMS_MAX);
        assert_eq!((held_back(8).with_turns, held_back(8).since_ms), (true, 7));
        record.hold_back_activities_only();
        assert_eq!((held_back(9).with_turns, held_back(9).since_ms), (false, 7));
        assert!(record.report(9).is_healthy());
        record.end_hold();
        assert_eq!(record.report(10).held_back, None);
    }

    /// Each of these says something of the request.
    #[test]
    fn a_refusal_is_no_fault() {
        let record = HealthRecord::default();
        for kind in [
            ErrorKind::LeaseLost,
            ErrorKind::PositionConflict,
            ErrorKind::AlreadyExists,
            ErrorKind::NotFound,
            ErrorKind::InvalidInput,
            ErrorKind::LimitExceeded,
        ] {
            record.note("commit", &failed(kind), &at(1));
            assert!(record.report(1).is_healthy(), "{kind:?}");
        }
    }
}
