//! The in-memory provider with a planted defect, or with a count of what was asked of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::{
    ActivityCancel, Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit,
    Committed, ErrorKind, Fence, HistoryPage, InstanceHead, InstanceId, InstanceValue, Lease,
    MailPage, Provider, ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail,
    ReadValues, Release, ReleasedAttempts, Renew, Renewal, TaskQueue, Turn, Watch,
};
use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{Fixture, Store, TestClock, Unavailable};
use parking_lot::Mutex;

/// What is wrong with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    Nothing,
    /// It overlooks that all activities of an execution are to be cancelled (CAN-01).
    CancelsNothing,
    /// It overlooks that a release takes its attempt back (ATT-03).
    TakesNothingBack,
    /// It overlooks that the release of a turn resets the count (ATT-03).
    ResetsNoTurns,
    /// It overlooks that the release of an activity resets the count (ATT-03).
    ResetsNoActivities,
    /// It loses a delay that a turn gives to a message (DLY-01).
    LosesDelays,
    /// It panics when a lease is renewed.
    Panics,
}

/// How often something came about.
pub(crate) type Counts = Arc<Mutex<BTreeMap<String, usize>>>;

/// Makes in-memory stores with a defect.
#[derive(Debug, Clone)]
pub(crate) struct WrappedFixture {
    pub(crate) defect: Defect,
    pub(crate) counts: Counts,
}

struct WrappedStore {
    inner: Box<dyn Store>,
    fixture: WrappedFixture,
}

#[derive(Debug)]
struct Wrapped {
    inner: Arc<dyn Provider>,
    fixture: WrappedFixture,
}

impl WrappedFixture {
    pub(crate) fn new(defect: Defect) -> Self {
        Self {
            defect,
            counts: Counts::default(),
        }
    }
}

#[async_trait]
impl Fixture for WrappedFixture {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Ok(Box::new(WrappedStore {
            inner: MemoryFixture.create().await?,
            fixture: self.clone(),
        }))
    }
}

#[async_trait]
impl Store for WrappedStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::new(Wrapped {
            inner: self.inner.connect().await?,
            fixture: self.fixture.clone(),
        }))
    }

    fn clock(&self) -> &dyn TestClock {
        self.inner.clock()
    }
}

impl Wrapped {
    fn count(&self, what: &str, times: usize) {
        let mut counts = self.fixture.counts.lock();
        *counts.entry(what.to_owned()).or_default() += times;
    }

    fn count_answer(&self, answer: &Result<Committed, ProviderError>) {
        match answer {
            Ok(Committed::Turn(turn)) => {
                self.count("turns applied", usize::from(!turn.repeated));
                self.count("turns repeated", usize::from(turn.repeated));
                self.count("leased activities cancelled", turn.cancelled.len());
                self.count("messages dropped", turn.messages_dropped);
            }
            Ok(Committed::Activity { .. }) => self.count("outcomes", 1),
            Ok(Committed::Sent) => self.count("sends", 1),
            Err(error) => self.count(&format!("refused: {:?}", error.kind()), 1),
        }
    }
}

fn is_unleased(operation: &Commit) -> bool {
    matches!(operation, Commit::Turn(turn) if matches!(turn.fence, Fence::Unleased { .. }))
}

#[async_trait]
impl Provider for Wrapped {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let claimed = self.inner.claim_turns(request).await?;
        self.count("claimed turns", claimed.items.len());
        let second = |turn: &&Turn| turn.attempt > 1;
        let second = claimed.items.iter().filter(second).count();
        self.count("second attempts", second);
        let is_full = |turn: &&Turn| turn.messages.len() == request.messages_max;
        let full = claimed.items.iter().filter(is_full).count();
        self.count("turns at the limit of messages", full);
        self.count("turns left behind", usize::from(claimed.more));
        let is_elsewhere = |turn: &&Turn| turn.head.queue != TaskQueue::default();
        let elsewhere = claimed.items.iter().filter(is_elsewhere).count();
        self.count("turns of another queue", elsewhere);
        let is_shared = request.queues.len() > 1 && claimed.more;
        self.count(
            "turns left behind in several queues",
            usize::from(is_shared),
        );
        Ok(claimed)
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let claimed = self.inner.claim_activities(request).await?;
        self.count("claimed activities", claimed.items.len());
        Ok(claimed)
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        self.inner.wait_for_work(queues, max_wait).await
    }

    async fn commit(&self, mut operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        for operation in &mut operations {
            let Commit::Turn(turn) = operation else {
                continue;
            };
            if self.fixture.defect == Defect::CancelsNothing {
                let is_one = |it: &ActivityCancel| matches!(it, ActivityCancel::One { .. });
                turn.cancelled.retain(is_one);
            }
            if self.fixture.defect == Defect::LosesDelays {
                let delays = turn.messages.iter_mut().map(|it| &mut it.delay);
                delays.for_each(|delay| *delay = Duration::ZERO);
            }
        }
        let turns = operations.iter().filter_map(|it| match it {
            Commit::Turn(turn) => Some(turn),
            Commit::Activity(_) | Commit::Send(_) => None,
        });
        let fused = turns.map(|turn| turn.completed.len()).sum();
        let unleased: Vec<_> = operations.iter().map(is_unleased).collect();
        let answers = self.inner.commit(operations).await;
        if answers.iter().all(Result::is_ok) {
            self.count("activities completed by a turn", fused);
        }
        answers.iter().for_each(|it| self.count_answer(it));
        for (answer, is_unleased) in answers.iter().zip(unleased) {
            let became = match answer.as_ref().map_err(ProviderError::kind) {
                Ok(Committed::Turn(turn)) if !turn.repeated => "applied",
                Err(ErrorKind::LeaseLost) => "held up",
                Err(ErrorKind::PositionConflict) => "late",
                _ => continue,
            };
            if is_unleased {
                self.count(&format!("turns without a lease {became}"), 1);
            }
        }
        answers
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        assert!(self.fixture.defect != Defect::Panics, "the planted panic");
        let renewals = self.inner.renew(leases, extend_by).await;
        let renewed = renewals.iter().flatten();
        let renewed = renewed.filter(|it| **it == Renewal::Renewed).count();
        self.count("renewals", renewed);
        renewals
    }

    async fn release(&self, mut releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        for release in &mut releases {
            let is_overlooked = match (self.fixture.defect, &release.lease) {
                (Defect::TakesNothingBack, _) => release.attempts == ReleasedAttempts::TakeBack,
                (Defect::ResetsNoTurns, Lease::Turn(_))
                | (Defect::ResetsNoActivities, Lease::Activity(_)) => {
                    release.attempts == ReleasedAttempts::Reset
                }
                _ => false,
            };
            if is_overlooked {
                release.attempts = ReleasedAttempts::Keep;
            }
        }
        let released = self.inner.release(releases).await;
        self.count("releases", released.iter().flatten().count());
        released
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let page = self.inner.read_history(request).await?;
        self.count("pages with more", usize::from(page.more));
        Ok(page)
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let page = self.inner.read_mail(request).await?;
        self.count("pages of mail with more", usize::from(page.more));
        Ok(page)
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        let values = self.inner.read_values(request).await?;
        self.count("values", values.len());
        Ok(values)
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        self.inner.read_head(instance).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let heads = self.inner.wait_for_change(watched, max_wait).await?;
        self.count("ends seen", heads.len());
        Ok(heads)
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.inner.maintain(budget).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self.inner.admin()
    }
}
