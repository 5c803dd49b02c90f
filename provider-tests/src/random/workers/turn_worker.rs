//! A worker of turns: mostly it commits, and sometimes it does what workers that fail do.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityCancel, ActivityLease, ExecutionStatus, Incarnation, Lease, LeaseToken, Release, Turn,
    TurnCommit,
};

use super::caller::Patience;
use super::facts::key_of;
use super::hand::Hand;
use super::{ACTIONS, DELAY_MS_MAX, LEASE, NAP_MS_MAX};
use crate::support::{TurnBuilder, later, to};

/// Lives a turn worker's life of so many claims.
pub(super) async fn turn_worker(mut hand: Hand) {
    for _ in 0..ACTIONS {
        let patience = hand.any_patience();
        let (turns_max, messages_max) = (hand.rng.usize(1..=2), hand.rng.usize(1..=6));
        let turns = hand
            .store
            .claim_turns(patience, turns_max, messages_max)
            .await;
        for turn in &turns {
            // Others may act between the claim and what follows it.
            if hand.rng.bool() {
                hand.nap(NAP_MS_MAX).await;
            }
            process(&mut hand, turn).await;
        }
        hand.nap(NAP_MS_MAX).await;
    }
}

async fn process(hand: &mut Hand, turn: &Turn) {
    match hand.rng.u8(..100) {
        0..57 => commit(hand, turn).await,
        57..67 => {
            hand.oversleep().await;
            commit(hand, turn).await;
        }
        67..77 => {
            hand.nap(NAP_MS_MAX).await;
            hand.store.renew(&Lease::Turn(turn.lease.clone())).await;
            hand.nap(NAP_MS_MAX).await;
            commit(hand, turn).await;
        }
        77..87 => release(hand, turn).await,
        87..94 => commit_twice(hand, turn).await,
        // The worker crashes and leaves its lease behind.
        _ => {}
    }
}

/// Commits, and if no answer comes, repeats the commit or gives up.
async fn commit(hand: &mut Hand, turn: &Turn) {
    let commit = draw_commit(hand, turn).build();
    let patience = hand.any_patience();
    let answer = hand.store.commit_turn(patience, &commit).await;
    if answer.is_none() && hand.chance(70) {
        hand.nap(NAP_MS_MAX).await;
        hand.store.commit_turn(Patience::Endless, &commit).await;
    }
    if matches!(answer, Some(Ok(_))) {
        finish_reserved(hand, turn.head.incarnation, &commit).await;
    }
}

/// Runs the activities that were born leased to this worker, some of them for too long.
async fn finish_reserved(hand: &mut Hand, incarnation: Incarnation, commit: &TurnCommit) {
    for activity in &commit.activities {
        if let Some(reservation) = activity.reservation {
            if hand.chance(20) {
                hand.oversleep().await;
            } else {
                hand.nap(NAP_MS_MAX).await;
            }
            let lease = ActivityLease {
                key: key_of(&commit.instance, incarnation, activity),
                token: reservation.token,
            };
            let result = hand.store.result_of(&lease);
            hand.store.finish(Patience::Endless, &lease, &result).await;
        }
    }
}

async fn release(hand: &mut Hand, turn: &Turn) {
    let delay = Duration::from_millis(hand.rng.u64(..=100));
    let release = Release {
        lease: Lease::Turn(turn.lease.clone()),
        delay,
        attempts: hand.any_attempts(),
    };
    hand.store.release(&release).await;
}

/// Commits from where another commit has been already: the second must be refused.
async fn commit_twice(hand: &mut Hand, turn: &Turn) {
    commit(hand, turn).await;
    commit(hand, turn).await;
}

/// What a turn does: it consumes what was claimed, and unless the instance has ended it writes a
/// chunk that names its commit, and any of the things that turns do.
fn draw_commit(hand: &mut Hand, turn: &Turn) -> TurnBuilder {
    let commit = hand.store.cx.turn(turn);
    if turn.head.status.is_terminal() {
        return commit;
    }
    let marker = marker_of(&commit);
    let (execution, first) = (
        turn.head.position.execution,
        turn.head.position.next_event_id,
    );
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
    if hand.chance(30) {
        let instance = hand.any_instance();
        commit = commit.send(to(instance, hand.store.cx.message()));
    }
    if hand.chance(25) {
        let delay = Duration::from_millis(hand.rng.u64(1..=DELAY_MS_MAX));
        let timer = hand.store.cx.message_to_execution(execution);
        commit = commit.send(later(&turn.head.instance, timer, delay));
    }
    if hand.chance(10) {
        let instance = hand.any_instance();
        commit = commit.send(hand.store.cx.start_of(instance));
    }
    if hand.chance(20) && first > 1 {
        commit = commit.cancel(draw_cancel(hand, execution, first));
    }
    match hand.rng.u8(..100) {
        0..12 => commit.end(ExecutionStatus::Completed, Some(marker)),
        12..25 => continue_as_new(commit, execution, &marker),
        _ => commit,
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
