//! A turn without a claim: an activity of this node has ended, and its instance stands as this node
//! left it. The outcome and the turn that it brings are one commit, so that a step of a sequence
//! costs one commit instead of two commits and a claim.

use std::sync::Arc;

use super::occasion::Occasion;
use super::process::{Plan, plan};
use super::publish::publish;
use crate::providers::{ActivityOutcome, Message};
use crate::runtime::node::{Node, Slot};
use crate::runtime::warm::{Kept, Warm};
use crate::runtime::watch::RunningTurn;

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

/// Runs the turn that an outcome brings, and records both.
///
/// The turn has the activity's slot, which goes on to an activity that the turn schedules.
pub(in crate::runtime) async fn run_with_outcome(
    node: &Arc<Node>,
    outcome: &Arc<ActivityOutcome>,
    slot: &mut Option<Slot>,
) -> Fused {
    let Some(message) = &outcome.message else {
        return Fused::Left;
    };
    // A runtime that stops takes on no more turns, nor does one that makes room.
    if node.activity_slots.are_withheld() {
        return Fused::Left;
    }
    let Some(warm) = node.take_warm_waiting_for(&outcome.lease.key) else {
        return Fused::Left;
    };
    let running = RunningTurn::fused(&warm.head, Arc::clone(outcome), slot.take());
    // In a box, since every activity's task would be as large as a turn otherwise.
    let turn = Box::pin(run_turn(node, outcome, message, warm, (&running, slot)));
    // The executor's cooperative budget would make it depend on the node when the code is quiet.
    let turn = tokio::task::unconstrained(turn);
    let followed = node.watch.follow(&running, turn).await;
    followed.unwrap_or(Fused::Taken)
}

async fn run_turn(
    node: &Arc<Node>,
    outcome: &ActivityOutcome,
    message: &Message,
    warm: Warm,
    (running, slot): (&RunningTurn, &mut Option<Slot>),
) -> Fused {
    let turn = Occasion::unleased(warm.head.clone(), message.clone());
    let plan = plan(node, &turn, Some(Kept::Current(warm))).await;
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
    match publish(node, &turn, *work, slot).await {
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
