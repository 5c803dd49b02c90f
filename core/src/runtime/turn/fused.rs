//! A turn without a claim: an activity of this node has ended, and its instance stands as this node
//! left it. The outcome and the turn that it brings are one commit, so that a step of a sequence
//! costs one commit instead of two commits and a claim.

use std::sync::Arc;

use super::occasion::Occasion;
use super::process::{Plan, plan};
use super::publish::publish;
use crate::providers::ActivityOutcome;
use crate::runtime::node::Node;
use crate::runtime::slots::Slot;
use crate::runtime::warm::{Kept, Warm};
use crate::runtime::watch::{RunningTurn, UserThread, WatchedTurn};

/// What became of an outcome that a turn was to take in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) enum Fused {
    /// It is recorded with its turn.
    Recorded,
    /// The turn's code took long, and the watch is recording the outcome.
    Taken,
    /// It must still be recorded by itself: the instance waits for other things as well, somebody
    /// else has it, or it cannot go on. Nothing is lost but the engine, which replays.
    Left,
}

/// The engine of the instance that waits for this outcome and nothing else, if this node has it and
/// may go on with it.
pub(in crate::runtime) fn take_waiting(
    node: &Node,
    outcome: &ActivityOutcome,
) -> Option<Box<Warm>> {
    outcome.message.as_ref()?;
    // A runtime that stops takes on no more turns, nor does one that makes room, or whose threads
    // are blocked.
    if node.activity_slots.are_withheld() || node.turn_slots.are_withheld() {
        return None;
    }
    node.take_warm_waiting_for(&outcome.lease.key)
}

/// Runs the turn that an outcome brings on the engine that waits for it, and records both.
///
/// The turn has the activity's slot, which goes on to an activity that the turn schedules, and this
/// thread while its code runs.
pub(in crate::runtime) async fn run_with_outcome(
    node: &Arc<Node>,
    outcome: &Arc<ActivityOutcome>,
    warm: Box<Warm>,
    (slot, thread): (&mut Option<Slot>, Option<UserThread<'_>>),
) -> Fused {
    let running = RunningTurn::fused(&warm.head, Arc::clone(outcome), slot.take());
    // In a box, since every activity's task would be as large as a turn otherwise.
    let turn = Box::pin(run_turn(node, outcome, warm, (&running, slot, thread)));
    // The executor's cooperative budget would make it depend on the node when the code is quiet.
    let turn = tokio::task::unconstrained(turn);
    let turn = WatchedTurn::new(Arc::clone(node), Arc::clone(&running), turn);
    turn.await.unwrap_or(Fused::Taken)
}

async fn run_turn(
    node: &Arc<Node>,
    outcome: &ActivityOutcome,
    warm: Box<Warm>,
    (running, slot, thread): (&RunningTurn, &mut Option<Slot>, Option<UserThread<'_>>),
) -> Fused {
    let Some(message) = &outcome.message else {
        return Fused::Left;
    };
    let now_ms = node.clock.now_ms();
    // In a box, so that this is allocated without a search.
    let turn = Box::new(Occasion::unleased(
        warm.head.clone(),
        message.clone(),
        now_ms,
    ));
    let plan = plan(node, &turn, Some(Kept::Current(warm))).await;
    drop(thread);
    if !running.end() {
        return Fused::Taken;
    }
    *slot = running.take_slot();
    let Plan::Commit(mut work) = plan else {
        return Fused::Left;
    };
    if !work.draft.complete(&outcome.lease, message.id) {
        return Fused::Left;
    }
    match publish(node, &turn, work, slot).await {
        Ok(()) => Fused::Recorded,
        Err(error) => {
            tracing::debug!(
                target: "duroxide::runtime",
                %error,
                "an outcome is recorded without its turn"
            );
            Fused::Left
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::process::ALLOCATION_BYTES_MAX;
    use super::*;

    type Parts<'a> = (
        &'a RunningTurn,
        &'a mut Option<Slot>,
        Option<UserThread<'a>>,
    );

    fn bytes_of<'a, Made>(
        _: impl FnOnce(&'a Arc<Node>, &'a ActivityOutcome, Box<Warm>, Parts<'a>) -> Made,
    ) -> usize {
        size_of::<Made>()
    }

    #[test]
    fn a_turn_with_its_outcome_is_allocated_without_a_search() {
        let bytes = bytes_of(run_turn);
        assert!(bytes <= ALLOCATION_BYTES_MAX, "{bytes}");
    }
}
