//! A turn on this node, as the watch sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::providers::{ActivityOutcome, Incarnation, InstanceHead, InstanceId, LeaseToken, Turn};
use crate::runtime::slots::Slot;

/// Nobody has ended the turn yet.
const OPEN: u8 = 0;
/// The turn's own work has come to what is to be done.
const ENDED: u8 = 1;
/// The watch has given the turn up; what its code still brings forth is thrown away.
const TAKEN: u8 = 2;

/// What the turn holds while its code runs, and what becomes of that if the code does not yield.
#[derive(Debug)]
pub(super) enum Hold {
    /// A lease of the instance: it is left to pass.
    Lease(LeaseToken),
    /// An activity's outcome, which a fused turn would record: it is recorded without the turn.
    Outcome(Arc<ActivityOutcome>),
}

/// A turn on this node. It is either ended by its own work or taken by the watch, never both.
#[derive(Debug)]
pub(in crate::runtime) struct RunningTurn {
    pub(super) instance: InstanceId,
    pub(super) incarnation: Incarnation,
    pub(super) orchestration: String,
    pub(super) hold: Hold,
    state: AtomicU8,
    /// When the poll began that is under way, in nanoseconds by the watch; zero if none is.
    entered_ns: AtomicU64,
    /// Whether it has been logged.
    pub(super) is_seen: AtomicBool,
    /// Whether it is past its deadline.
    pub(super) is_overdue: AtomicBool,
    /// Whether the instance that it holds up was passed on to other nodes, and has not come back since.
    is_passed_on: AtomicBool,
    slot: Mutex<Option<Slot>>,
}

impl RunningTurn {
    /// A claimed turn, with the slot that it takes.
    pub(in crate::runtime) fn claimed(turn: &Turn, slot: Slot) -> Arc<Self> {
        Self::new(&turn.head, Hold::Lease(turn.lease.token), Some(slot))
    }

    /// A turn that records an activity's outcome, with the activity's slot.
    pub(in crate::runtime) fn fused(
        head: &InstanceHead,
        outcome: Arc<ActivityOutcome>,
        slot: Option<Slot>,
    ) -> Arc<Self> {
        Self::new(head, Hold::Outcome(outcome), slot)
    }

    fn new(head: &InstanceHead, hold: Hold, slot: Option<Slot>) -> Arc<Self> {
        Arc::new(Self {
            instance: head.instance.clone(),
            incarnation: head.incarnation,
            orchestration: head.orchestration.clone(),
            hold,
            state: AtomicU8::new(OPEN),
            entered_ns: AtomicU64::new(0),
            is_seen: AtomicBool::new(false),
            is_overdue: AtomicBool::new(false),
            is_passed_on: AtomicBool::new(false),
            slot: Mutex::new(slot),
        })
    }

    /// Ends the turn by its own work. False if the watch has given it up: nothing may be committed
    /// or released for it any more.
    #[must_use]
    pub(in crate::runtime) fn end(&self) -> bool {
        self.leave_open(ENDED)
    }

    /// Gives the turn up. False if it has ended by itself, or was given up before.
    #[must_use]
    pub(super) fn take(&self) -> bool {
        self.leave_open(TAKEN)
    }

    fn leave_open(&self, to: u8) -> bool {
        self.state
            .compare_exchange(OPEN, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) == ENDED
    }

    pub(super) fn is_taken(&self) -> bool {
        self.state.load(Ordering::Acquire) == TAKEN
    }

    /// Whether it is other nodes' turn with the instance that this one holds up: every second time.
    pub(super) fn pass_on(&self) -> bool {
        !self.is_passed_on.fetch_xor(true, Ordering::AcqRel)
    }

    /// Takes the slot out: for what follows the turn, or for others where the turn is given up.
    pub(in crate::runtime) fn take_slot(&self) -> Option<Slot> {
        self.slot.lock().take()
    }

    pub(super) fn enter(&self, now: Duration) {
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.entered_ns.store(now_ns.max(1), Ordering::Release);
    }

    pub(super) fn leave(&self) {
        self.entered_ns.store(0, Ordering::Release);
    }

    /// When the poll began that is under way; `None` if none is.
    pub(super) fn entered_at(&self) -> Option<Duration> {
        let entered_ns = self.entered_ns.load(Ordering::Acquire);
        (entered_ns > 0).then(|| Duration::from_nanos(entered_ns))
    }
}
