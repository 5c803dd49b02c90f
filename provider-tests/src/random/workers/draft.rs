//! What turns do, drawn.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityCancel, ExecutionStatus, InstanceHead, LeaseToken, TurnCommit,
};

use super::hand::Hand;
use super::{DELAY_MS_MAX, LEASE, TOPICS};
use crate::support::{TurnBuilder, later, to};

/// How many turns of a hundred open an instance that has ended.
const OPENINGS_PERCENT: u8 = 35;

/// Adds to a commit what a turn does: unless the instance has ended it writes a chunk that names its
/// commit, and does any of the things that turns do.
pub(super) fn draw_commit(
    hand: &mut Hand,
    head: &InstanceHead,
    commit: TurnBuilder,
) -> TurnBuilder {
    if head.status.is_terminal() {
        return if hand.chance(OPENINGS_PERCENT) {
            open_again(hand, head, commit)
        } else {
            commit
        };
    }
    let marker = marker_of(&commit);
    let (execution, first) = (head.position.execution, head.position.next_event_id);
    let activities = hand.rng.u64(..=2);
    let mut commit = commit
        .core_state(marker.clone())
        .append_bytes(1 + activities, marker.clone());
    for activity_id in first + 1..=first + activities {
        commit = if hand.chance(20) {
            let token = LeaseToken(hand.store.cx.unique());
            commit.reserved(activity_id, token, LEASE)
        } else {
            commit.activity(activity_id)
        };
    }
    commit = send_messages(hand, head, commit);
    commit = state_what_wakes(hand, commit);
    if hand.chance(20) && first > 1 {
        commit = commit.cancel(draw_cancel(hand, execution, first));
    }
    match hand.rng.u8(..100) {
        0..12 => commit.end(ExecutionStatus::Completed, Some(marker)),
        12..25 => continue_as_new(commit, execution, &marker),
        _ => commit,
    }
}

/// Opens an instance that has ended with its next execution (EXE-04).
fn open_again(hand: &mut Hand, head: &InstanceHead, commit: TurnBuilder) -> TurnBuilder {
    let marker = marker_of(&commit);
    let activities = hand.rng.u64(..=1);
    let mut commit = commit
        .core_state(marker.clone())
        .next_bytes(1 + activities, marker);
    for activity_id in 2..=1 + activities {
        commit = commit.activity(activity_id);
    }
    if hand.chance(30) {
        let ended = head.position.execution;
        commit = commit.cancel(ActivityCancel::AllOfExecution(ended));
    }
    state_what_wakes(hand, commit)
}

fn send_messages(hand: &mut Hand, head: &InstanceHead, mut commit: TurnBuilder) -> TurnBuilder {
    if hand.chance(30) {
        let instance = hand.any_instance();
        commit = commit.send(to(instance, hand.store.cx.message()));
    }
    if hand.chance(20) {
        let (instance, topic) = (hand.any_instance(), hand.any_topic());
        commit = commit.send(to(instance, hand.store.cx.mail(topic)));
    }
    if hand.chance(25) {
        let delay = Duration::from_millis(hand.rng.u64(1..=DELAY_MS_MAX));
        let timer = hand.store.cx.message_to_execution(head.position.execution);
        commit = commit.send(later(&head.instance, timer, delay));
    }
    if hand.chance(10) {
        let instance = hand.any_instance();
        commit = commit.send(hand.store.cx.start_of(instance));
    }
    commit
}

/// States what is awaited, and now and then suspends the instance.
fn state_what_wakes(hand: &mut Hand, commit: TurnBuilder) -> TurnBuilder {
    let commit = match hand.rng.u8(..10) {
        0..3 => commit,
        3..8 => {
            let topic = hand.any_topic();
            commit.awaiting(&[topic])
        }
        _ => commit.awaiting(&TOPICS),
    };
    if hand.chance(6) {
        commit.suspend(true)
    } else {
        commit
    }
}

fn draw_cancel(hand: &mut Hand, execution: u64, next_event_id: u64) -> ActivityCancel {
    if hand.chance(30) {
        ActivityCancel::AllOfExecution(execution)
    } else {
        ActivityCancel::One {
            execution,
            activity_id: hand.rng.u64(1..next_event_id),
        }
    }
}

fn continue_as_new(commit: TurnBuilder, execution: u64, marker: &Bytes) -> TurnBuilder {
    commit
        .end(ExecutionStatus::ContinuedAsNew, None)
        .cancel(ActivityCancel::AllOfExecution(execution))
        .purge_through(execution)
        .next_bytes(1, marker.clone())
}

/// The bytes that only this commit writes.
fn marker_of(commit: &TurnBuilder) -> Bytes {
    let commit: TurnCommit = commit.clone().build();
    Bytes::from(format!("written by {}", commit.commit_id))
}
