//! A provider whose times are shorter.

mod admin;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::Event;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    Envelope, HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider,
    ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release,
    Renew, Renewal, Turn, Watch,
};

/// A provider around a provider that lives in real time: every duration that it is asked for is
/// divided, and every one that it answers is multiplied. A lease of 30 s then takes 1.5 s of real
/// time at a speedup of 20, and nobody who uses it can tell.
#[derive(Debug)]
pub struct Scaled<P: ?Sized> {
    speedup: u32,
    inner: Arc<P>,
}

impl<P: Provider + ?Sized> Scaled<P> {
    /// Makes this provider's times so many times shorter; 0 counts as 1.
    #[must_use]
    pub fn new(inner: Arc<P>, speedup: u32) -> Self {
        let speedup = speedup.max(1);
        Self { speedup, inner }
    }

    fn envelope(&self, envelope: &mut Envelope) {
        envelope.delay /= self.speedup;
    }

    fn operation(&self, operation: &mut Commit) {
        match operation {
            Commit::Send(envelope) => self.envelope(envelope),
            Commit::Activity(_) => {}
            Commit::Turn(turn) => {
                for envelope in &mut turn.messages {
                    self.envelope(envelope);
                }
                turn.expire_after = turn.expire_after.map(|after| after / self.speedup);
                for new in turn.values.iter_mut().filter_map(|it| it.value.as_mut()) {
                    new.expires_after = new.expires_after.map(|after| after / self.speedup);
                }
                for activity in &mut turn.activities {
                    if let Some(reservation) = &mut activity.reservation {
                        reservation.lease /= self.speedup;
                    }
                }
            }
        }
    }

    fn longer(&self, time: Duration) -> Duration {
        time.saturating_mul(self.speedup)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> Provider for Scaled<P> {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        capabilities.visibility_bound = self.longer(capabilities.visibility_bound);
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let request = ClaimTurns {
            lease: request.lease / self.speedup,
            ..request.clone()
        };
        self.inner.claim_turns(&request).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let request = ClaimActivities {
            lease: request.lease / self.speedup,
            ..request.clone()
        };
        self.inner.claim_activities(&request).await
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        let max_wait = max_wait / self.speedup;
        self.inner.wait_for_work(queues, max_wait).await
    }

    async fn commit(&self, mut operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        for operation in &mut operations {
            self.operation(operation);
        }
        self.inner.commit(operations).await
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        self.inner.renew(leases, extend_by / self.speedup).await
    }

    async fn release(&self, mut releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        for release in &mut releases {
            release.delay /= self.speedup;
        }
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
        let max_wait = max_wait / self.speedup;
        self.inner.wait_for_change(watched, max_wait).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        let next = self.inner.maintain(budget / self.speedup).await?;
        Ok(next.map(|next| self.longer(next)))
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.inner.read(instance).await
    }

    async fn read_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Vec<Event>, ProviderError> {
        self.inner.read_with_execution(instance, execution_id).await
    }
}
