//! Any two operations, with one held at any of its awaits while the other one runs.
//!
//! Every await of an operation is a schedule point: `claim_turns@2` is a claim of turns that was
//! polled twice and is not polled again until the other operation has ended. Whatever the point,
//! both answers and all that is stored must be as if one had run after the other (CON-01), as the
//! reference shows it. Providers whose operations do not wait have no point to be held at; the pair
//! is then one after the other, as it should be. On a store with several handles the second operation
//! goes through another one at every second point; a second round changes these over.

mod held;
mod operation;
mod shape;
mod stage;

use self::held::{Held, run_beside};
use self::operation::Operation;
use self::stage::Stage;
use crate::support::{Cx, promptly};

/// An operation with more awaits than this waits for something that does not come.
const POINTS_MAX: usize = 64;

/// Claims, held anywhere.
pub(crate) async fn claims_are_atomic(cx: &Cx) {
    check(cx, &[Operation::ClaimTurns, Operation::ClaimActivities]).await;
}

/// Commits of turns, held anywhere.
pub(crate) async fn commits_are_atomic(cx: &Cx) {
    let commits = [
        Operation::CommitTurn,
        Operation::CommitStaleTurn,
        Operation::CommitUnleasedTurn,
        Operation::CancelByTurn,
    ];
    check(cx, &commits).await;
}

/// Sends and outcomes, held anywhere.
pub(crate) async fn sends_are_atomic(cx: &Cx) {
    let sends = [
        Operation::SendEvent,
        Operation::Start,
        Operation::FinishActivity,
    ];
    check(cx, &sends).await;
}

/// Mail that is sent, read and taken, and suspensions, held anywhere.
pub(crate) async fn mail_and_suspensions_are_atomic(cx: &Cx) {
    let mail = [
        Operation::SendMail,
        Operation::ReadMail,
        Operation::TakeMail,
        Operation::Suspend,
    ];
    check(cx, &mail).await;
}

/// Values that are set, read and waited for, held anywhere: of those of one commit all are seen or none.
pub(crate) async fn values_are_atomic(cx: &Cx) {
    let values = [
        Operation::SetValues,
        Operation::ReadValues,
        Operation::WaitForValue,
    ];
    check(cx, &values).await;
}

/// Ends that are gone back on, held anywhere: of two that open an instance again one comes too late, and mail
/// is refused before and taken afterwards.
pub(crate) async fn openings_are_atomic(cx: &Cx) {
    let openings = [
        Operation::ClaimEnded,
        Operation::OpenEnded,
        Operation::SendMailToEnded,
    ];
    check(cx, &openings).await;
}

/// Renewals and releases, held anywhere.
pub(crate) async fn renewals_and_releases_are_atomic(cx: &Cx) {
    let leases = [
        Operation::RenewTurn,
        Operation::ReleaseTurn,
        Operation::ReleaseActivity,
    ];
    check(cx, &leases).await;
}

/// Waits and deletions, held anywhere.
pub(crate) async fn waits_and_deletions_are_atomic(cx: &Cx) {
    let others = [
        Operation::WaitForWork,
        Operation::DeleteInstance,
        Operation::PruneExecutions,
    ];
    check(cx, &others).await;
}

/// Starts in the place of an ended instance, what comes late for that, and its expiry, held anywhere.
pub(crate) async fn replacements_are_atomic(cx: &Cx) {
    check_beside(cx, Operation::LIVES, Operation::LIVES).await;
}

/// Holds each of these operations at each of its points, beside each operation of the common stage.
async fn check(cx: &Cx, held: &[Operation]) {
    check_beside(cx, held, Operation::ALL).await;
}

/// Holds each of the first operations at each of its points, beside each of the second.
async fn check_beside(cx: &Cx, held: &[Operation], others: &[Operation]) {
    for first in held.iter().copied() {
        let points = points_of(cx, first).await;
        for second in others.iter().copied() {
            let serial = Serial::of(cx, first, second).await;
            for round in 0..cx.options().rounds.unwrap_or(1) {
                for polls in 1..=points.max(1) {
                    let is_elsewhere = (polls + round as usize).is_multiple_of(2);
                    check_pair(cx, &serial, polls, is_elsewhere).await;
                }
            }
        }
    }
}

/// At how many points an operation can be held.
async fn points_of(cx: &Cx, operation: Operation) -> usize {
    let stage = prepare(cx, cx.twin().await, operation, operation).await;
    let mut held = Held::new(operation.run(&stage, &stage.cx));
    for points in 0..POINTS_MAX {
        let point = format!("{}@{}", operation.name(), points + 1);
        if !held.poll_once(&point).await {
            return points;
        }
    }
    panic!("{} does not end after {POINTS_MAX} polls", operation.name());
}

/// A stage for these two on a twin of a store, or on the reference.
async fn prepare(of: &Cx, cx: Cx, first: Operation, second: Operation) -> Box<Stage> {
    let atomic_delivery = of.provider().capabilities().atomic_delivery;
    // Apart, since what prepares so many commits is large.
    if first.is_of_ended() || second.is_of_ended() {
        Box::pin(Stage::prepare_with_ended(cx, atomic_delivery)).await
    } else {
        Box::pin(Stage::prepare(cx, atomic_delivery)).await
    }
}

/// The two orders of a pair, as the reference runs them.
struct Serial {
    first: Operation,
    second: Operation,
    /// What the first and the second operation answered, and what is stored then.
    allowed: [(String, String, String); 2],
}

impl Serial {
    async fn of(cx: &Cx, first: Operation, second: Operation) -> Self {
        let (a, b, store) = in_turn(cx, first, second).await;
        let first_before = (a, b, store);
        let (b, a, store) = in_turn(cx, second, first).await;
        Self {
            first,
            second,
            allowed: [first_before, (a, b, store)],
        }
    }
}

async fn in_turn(cx: &Cx, earlier: Operation, later: Operation) -> (String, String, String) {
    let stage = prepare(cx, cx.reference().await, earlier, later).await;
    let a = earlier.run(&stage, &stage.cx).await;
    let b = later.run(&stage, &stage.cx).await;
    (a, b, stage.contents().await)
}

/// Holds the first operation after so many polls, and runs the second one beside it: on a store with
/// several handles through another one, if it is to be elsewhere.
async fn check_pair(cx: &Cx, serial: &Serial, polls: usize, is_elsewhere: bool) {
    let Serial { first, second, .. } = *serial;
    let stage = prepare(cx, cx.twin().await, first, second).await;
    let other = if stage.cx.provider().capabilities().multi_process && is_elsewhere {
        stage.cx.connect().await
    } else {
        stage.cx.clone()
    };
    let point = format!("{}@{polls}", first.name());
    let mut held = Held::new(first.run(&stage, &stage.cx));
    for _ in 0..polls {
        held.poll_once(&point).await;
    }
    let b = run_beside(second.run(&stage, &other), second.name(), &point).await;
    let a = promptly(&format!("the end of {point}"), held.finish()).await;
    let found = (a, b, stage.contents().await);
    assert!(
        serial.allowed.contains(&found),
        "{point}, then {} to its end, then the rest of the first: this is neither of the two \
         orders (CON-01)\nfound: {found:#?}\nfirst before second: {:#?}\n\
         second before first: {:#?}",
        second.name(),
        serial.allowed[0],
        serial.allowed[1],
    );
}
