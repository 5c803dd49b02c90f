//! What was claimed, and what of it may have killed its process.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::{Item, Suspicion};
use super::lease_keeper::LeaseGuard;
use super::node::Node;
use super::slots::Slot;
use crate::providers::{Channel, ClaimedActivity, Lease, Release, ReleasedAttempts, Turn};

/// How long what has to wait is left to the store at first.
pub(super) const PUT_OFF_MIN: Duration = Duration::from_secs(1);

/// What was claimed.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would be one more allocation for each turn, which is moved a few times only"
)]
pub(super) enum Work {
    Turn(Turn),
    Activity(ClaimedActivity),
}

impl Work {
    pub(super) fn lease(&self) -> Lease {
        match self {
            Self::Turn(turn) => Lease::Turn(turn.lease.clone()),
            Self::Activity(activity) => Lease::Activity(activity.lease.clone()),
        }
    }

    pub(super) fn item(&self) -> Item {
        match self {
            Self::Turn(turn) => Item::Turn(turn.head.instance.clone()),
            Self::Activity(activity) => Item::Activity(activity.lease.key.clone()),
        }
    }

    pub(super) fn attempt(&self) -> u32 {
        match self {
            Self::Turn(turn) => turn.attempt,
            Self::Activity(activity) => activity.attempt,
        }
    }

    /// Whether no code is entered: it hangs on this node already, or somebody manages the instance, which
    /// asks no code and is not to wait until the node is empty.
    pub(super) fn asks_no_code(&self, node: &Node) -> bool {
        match self {
            Self::Turn(turn) => {
                let mut messages = turn.messages.iter();
                messages.any(|it| it.channel == Channel::Control)
                    || node.watch.blocked(&turn.head, turn.lease.token).is_some()
            }
            Self::Activity(_) => false,
        }
    }

    pub(super) fn start(self, node: &Arc<Node>, held: LeaseGuard, slot: Slot) {
        match self {
            Self::Turn(turn) => node.start_turn(turn, held, slot),
            Self::Activity(activity) => node.run_activity(activity, held, slot),
        }
    }
}

/// A claimed item that is to run alone.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) suspicion: Suspicion,
    pub(super) work: Work,
    pub(super) held: LeaseGuard,
    pub(super) slot: Slot,
}

/// Puts first what must run strictly alone, and then what has died most often. Among equals the order is turned round with each attempt:
/// whoever was tried before the deadly one, and so was counted with it, is tried after it the next
/// time.
pub(super) fn in_order(suspects: &mut [Suspect]) {
    suspects.sort_unstable_by(|a, b| {
        let (attempt, other) = (a.work.attempt(), b.work.attempt());
        let by_item = if attempt % 2 == 0 {
            b.suspicion.item.cmp(&a.suspicion.item)
        } else {
            a.suspicion.item.cmp(&b.suspicion.item)
        };
        let by_strictness = b.suspicion.is_strict.cmp(&a.suspicion.is_strict);
        by_strictness.then(other.cmp(&attempt)).then(by_item)
    });
}

/// Gives suspects back for so long, uncounted, with one call.
pub(super) async fn release(node: &Node, suspects: Vec<(Suspect, Duration)>) {
    let releases = suspects.iter().map(|(suspect, delay)| {
        Release::new(suspect.work.lease(), *delay, ReleasedAttempts::TakeBack)
    });
    let released = node.release_all(releases.collect()).await;
    for ((suspect, _), is_released) in suspects.into_iter().zip(released) {
        if !is_released {
            // The store counts an attempt that has never begun.
            let attempt = suspect.work.attempt();
            node.attempts.excuse(suspect.suspicion.item, attempt);
        }
        suspect.held.finish();
        suspect.slot.give_back();
    }
}

/// Gives back what was claimed with something that must run strictly alone.
pub(super) async fn give_back_company(node: &Node, company: Vec<(Work, LeaseGuard, Slot)>) {
    let releases = company.iter().map(|(work, ..)| {
        Release::new(
            work.lease(),
            node.entropy.jittered(PUT_OFF_MIN),
            ReleasedAttempts::TakeBack,
        )
    });
    let released = node.release_all(releases.collect()).await;
    for ((work, held, slot), is_released) in company.into_iter().zip(released) {
        if !is_released {
            // The store counts an attempt that has never begun.
            node.attempts.excuse(work.item(), work.attempt());
        }
        held.finish();
        slot.give_back();
    }
}
