//! A worker of turns: mostly it commits, and sometimes it does what workers that fail do.

use std::time::Duration;

use duroxide_core::providers::{
    ActivityLease, Channel, Incarnation, InstanceHead, Lease, Release, Turn, TurnCommit,
};

use super::caller::Patience;
use super::draft::draw_commit;
use super::hand::Hand;
use super::mail::{any_of, consume_too, read_some};
use super::{ACTIONS, NAP_MS_MAX};
use crate::support::TurnBuilder;

/// Lives a turn worker's life of so many claims.
pub(super) async fn turn_worker(mut hand: Hand) {
    for _ in 0..ACTIONS {
        if hand.chance(20) {
            go_on_without_a_claim(&mut hand).await;
        }
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
            let lease = Lease::Turn(turn.lease.clone());
            hand.store.renew(&lease, None).await;
            hand.nap(NAP_MS_MAX).await;
            commit(hand, turn).await;
        }
        77..87 => release(hand, turn).await,
        87..94 => commit_twice(hand, turn).await,
        // The worker crashes and leaves its lease behind.
        _ => {}
    }
}

/// Takes some of the mail there is, and commits.
async fn commit(hand: &mut Hand, turn: &Turn) {
    let commit = hand.store.cx.turn(turn);
    let control_percent = if turn.head.suspended { 85 } else { 10 };
    if hand.chance(control_percent) {
        let commit = answer_control(hand, turn, commit);
        return insist(hand, &turn.head, &commit.build()).await;
    }
    let commit = take_mail(hand, &turn.head, commit).await;
    let commit = draw_commit(hand, &turn.head, commit);
    insist(hand, &turn.head, &commit.build()).await;
}

/// A turn that takes control messages alone, and sometimes suspends the instance or resumes it.
fn answer_control(hand: &mut Hand, turn: &Turn, commit: TurnBuilder) -> TurnBuilder {
    let control = turn.messages.iter();
    let control = control.filter(|it| it.channel == Channel::Control);
    let commit = commit.consume(control.map(|it| it.id));
    match hand.rng.u8(..100) {
        0..60 => commit.suspend(!turn.head.suspended),
        60..70 => commit.suspend(turn.head.suspended),
        _ => commit,
    }
}

/// Consumes mail that is read now, or nothing.
async fn take_mail(hand: &mut Hand, head: &InstanceHead, commit: TurnBuilder) -> TurnBuilder {
    if hand.chance(25) {
        return commit;
    }
    let page = read_some(hand, head).await;
    let taken = any_of(hand, page);
    consume_too(commit, taken)
}

/// A turn of an instance that nobody claimed, from what its head says (FEN-07).
async fn go_on_without_a_claim(hand: &mut Hand) {
    let instance = hand.any_instance();
    let Some(head) = hand.store.read_head(instance).await else {
        return;
    };
    if head.status.is_terminal() && hand.chance(60) {
        return;
    }
    if hand.chance(60) {
        hand.nap(NAP_MS_MAX).await;
    }
    if hand.chance(25) {
        // What goes on from the same head must be refused, though this moves no position.
        let commit = hand.store.cx.unleased(&head);
        let commit = take_mail(hand, &head, commit).await;
        insist(hand, &head, &commit.build()).await;
    }
    let commit = hand.store.cx.unleased(&head);
    let commit = take_mail(hand, &head, commit).await;
    let commit = draw_commit(hand, &head, commit);
    insist(hand, &head, &commit.build()).await;
}

/// Commits, and if no answer comes, repeats the commit or gives up.
async fn insist(hand: &mut Hand, head: &InstanceHead, commit: &TurnCommit) {
    let patience = hand.any_patience();
    let answer = hand.store.commit_turn(patience, commit).await;
    if answer.is_none() && hand.chance(70) {
        hand.nap(NAP_MS_MAX).await;
        hand.store.commit_turn(Patience::Endless, commit).await;
    }
    if matches!(answer, Some(Ok(_))) {
        finish_reserved(hand, head.incarnation, commit).await;
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
                key: activity.key(&commit.instance, incarnation),
                token: reservation.token,
            };
            let result = hand.store.result_of(&lease);
            hand.store.finish(Patience::Endless, &lease, &result).await;
        }
    }
}

async fn release(hand: &mut Hand, turn: &Turn) {
    let delay = Duration::from_millis(hand.rng.u64(..=100));
    let release = Release::new(Lease::Turn(turn.lease.clone()), delay, hand.any_attempts());
    hand.store.release(&release).await;
}

/// Commits from where another commit has been already: the second must be refused.
async fn commit_twice(hand: &mut Hand, turn: &Turn) {
    commit(hand, turn).await;
    commit(hand, turn).await;
}
