//! A provider and the reference, doing the same.
//!
//! Before each operation both clocks move by a millisecond, so that what one operation makes
//! claimable has a time of its own. Where several items become claimable in the same millisecond,
//! the contract leaves their order open: see [`claims`](super::claims).

use std::fmt::Debug;
use std::time::Duration;

use duroxide_core::providers::{ClaimActivities, ClaimTurns, ClaimedActivity, Durability, Turn};

use super::answer::Answer;
use super::difference::Difference;
use super::op::Op;
use super::words::{TICK, Topics, Who};
use super::world::World;
use crate::fixture::Pace;
use crate::support::Cx;

/// Longer than every lease and delay of a sequence together with the longest renewal.
const EVERYTHING_IS_DUE: Duration = Duration::from_hours(2);

/// A provider and the reference, doing the same.
pub(super) struct Duel {
    pub(super) subject: World,
    pub(super) reference: World,
    /// How far the clocks move before each operation: so that what was committed is visible.
    step: Duration,
}

impl Duel {
    /// Two empty stores whose clocks show the same time.
    pub(super) async fn begin(cx: &Cx) -> Self {
        let (subject, reference) = (cx.twin().await, cx.reference().await);
        align(&subject, &reference).await;
        let capabilities = subject.provider().capabilities();
        Self {
            subject: World::new(subject),
            reference: World::new(reference),
            step: TICK + capabilities.visibility_bound,
        }
    }

    /// Does one operation on both, and compares what it came to and what can be seen afterwards.
    pub(super) async fn step(mut self, op: &Op) -> Result<Self, Difference> {
        self.elapse(self.step).await;
        if let Op::ClaimTurns {
            queues,
            turns_max,
            messages_max,
            bytes_max,
            total_bytes_max,
            lease,
        } = *op
        {
            let request = ClaimTurns {
                messages_max,
                bytes_max,
                total_bytes_max,
                ..ClaimTurns::new(queues.all(), turns_max, lease.duration())
            };
            self.claim::<Turn>(&request).await?;
        } else if let Op::ClaimNamed { instance, lease } = *op {
            let request = ClaimTurns {
                only: Some(instance.id()),
                ..ClaimTurns::new(Vec::new(), 1, lease.duration())
            };
            self.claim::<Turn>(&request).await?;
        } else if let Op::ClaimActivities {
            queues,
            activities_max,
            total_bytes_max,
            lease,
        } = *op
        {
            let request = ClaimActivities {
                total_bytes_max,
                ..ClaimActivities::new(queues.all(), activities_max, lease.duration())
            };
            self.claim::<ClaimedActivity>(&request).await?;
        } else if *op == Op::Reopen {
            self = self.reopen().await;
        } else {
            let actual = self.subject.apply(op).await;
            let expected = self.reference.apply(op).await;
            compare_answers(&actual, &expected)?;
        }
        self.compare_views().await?;
        Ok(self)
    }

    /// Compares what is queued. The stores are of no use afterwards.
    pub(super) async fn end(mut self) -> Result<(), Difference> {
        self.elapse(EVERYTHING_IS_DUE).await;
        for who in [Who::A, Who::B, Who::Odd] {
            let everything = (usize::MAX, false);
            let actual = self.subject.read_mail(who, Topics::Both, everything).await;
            let expected = self
                .reference
                .read_mail(who, Topics::Both, everything)
                .await;
            compare("the mail that was left", &actual, &expected)?;
        }
        let actual = self.subject.cx.dump().await;
        let expected = self.reference.cx.dump().await;
        compare("what was queued", &actual, &expected)
    }

    async fn elapse(&self, by: Duration) {
        self.subject.cx.elapse(by).await;
        self.reference.cx.elapse(by).await;
    }

    /// Crashes the provider, if it keeps anything. Whether leases survive that is open (LEA-10), so
    /// they end in both stores before it is looked at.
    async fn reopen(mut self) -> Self {
        let capabilities = self.subject.provider().capabilities();
        if capabilities.durability > Durability::Volatile {
            self.subject = self.subject.crash().await;
        }
        self.elapse(EVERYTHING_IS_DUE).await;
        self
    }

    async fn compare_views(&self) -> Result<(), Difference> {
        let actual = self.subject.cx.view(&Who::ALL).await;
        let expected = self.reference.cx.view(&Who::ALL).await;
        compare("what can be read", &actual, &expected)
    }
}

/// Moves the clock that is behind.
async fn align(subject: &Cx, reference: &Cx) {
    for cx in [subject, reference] {
        assert_eq!(
            cx.pace(),
            Pace::Virtual,
            "a store is compared with the reference by a clock that stands still until it is moved"
        );
    }
    let subject_ms = subject.clock().now_ms();
    let reference_ms = reference.clock().now_ms();
    let behind = |from: u64, to: u64| Duration::from_millis(to.saturating_sub(from));
    subject.elapse(behind(subject_ms, reference_ms)).await;
    reference.elapse(behind(reference_ms, subject_ms)).await;
}

fn compare_answers(actual: &Answer, expected: &Answer) -> Result<(), Difference> {
    if actual.agrees_with(expected) {
        return Ok(());
    }
    Err(Difference::between("the answer", actual, expected))
}

/// Compares what both stores came to.
pub(super) fn compare<T: Debug + PartialEq>(
    what: &str,
    actual: &T,
    expected: &T,
) -> Result<(), Difference> {
    if actual == expected {
        return Ok(());
    }
    Err(Difference::between(what, actual, expected))
}
