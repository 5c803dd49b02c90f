//! Providers that no suite may trip over.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew,
    Renewal, Turn, Watch,
};
use duroxide_memory::{MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{Fixture, Store, TestClock, Unavailable};

/// What is wrong with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// A claim is never answered.
    ClaimHangs,
    /// A claim panics.
    ClaimPanics,
    /// A commit is answered once too often.
    CommitAnswersTooMuch,
    /// A commit is not answered at all.
    CommitAnswersNothing,
    /// A store cannot be opened, which is said with markup and an escape sequence in it.
    NoStore,
    /// Opening a store panics.
    OpeningPanics,
    /// Opening a store never ends.
    OpeningHangs,
}

/// Makes in-memory stores with a defect.
pub(crate) struct Broken(pub(crate) Defect);

struct BrokenStore {
    clock: ManualClock,
    provider: Arc<BrokenProvider>,
}

#[derive(Debug)]
struct BrokenProvider {
    defect: Defect,
    inner: MemoryProvider,
}

#[async_trait]
impl Fixture for Broken {
    fn mode(&self) -> &str {
        "broken"
    }

    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let defect = self.0;
        if defect == Defect::NoStore {
            return Err(Unavailable::new("start <it> & \u{1b}[1mwait\u{1b}[0m"));
        }
        assert_ne!(defect, Defect::OpeningPanics, "the folder is on fire");
        if defect == Defect::OpeningHangs {
            pending::<()>().await;
        }
        let clock = ManualClock::at_ms(1_767_571_200_000);
        let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
        let inner = MemoryProvider::with_options(options);
        let provider = Arc::new(BrokenProvider { defect, inner });
        Ok(Box::new(BrokenStore { clock, provider }))
    }
}

#[async_trait]
impl Store for BrokenStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::clone(&self.provider) as Arc<dyn Provider>)
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}

#[async_trait]
impl Provider for BrokenProvider {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        if self.defect == Defect::ClaimHangs {
            pending::<()>().await;
        }
        if self.defect == Defect::ClaimPanics {
            panic!("a claim of turns");
        }
        self.inner.claim_turns(request).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        self.inner.claim_activities(request).await
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        self.inner.wait_for_work(queues, max_wait).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let mut answers = self.inner.commit(operations).await;
        if self.defect == Defect::CommitAnswersNothing {
            answers.clear();
        }
        if self.defect == Defect::CommitAnswersTooMuch {
            let again = answers.first().map(|first| match first {
                Ok(committed) => Ok(committed.clone()),
                Err(error) => Err(ProviderError::new(error.kind(), "commit", "again")),
            });
            answers.extend(again);
        }
        answers
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        self.inner.renew(leases, extend_by).await
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        self.inner.release(releases).await
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        self.inner.read_history(request).await
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        self.inner.read_mail(request).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        self.inner.read_values(request).await
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
        self.inner.wait_for_change(watched, max_wait).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.inner.maintain(budget).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        &self.inner
    }
}
