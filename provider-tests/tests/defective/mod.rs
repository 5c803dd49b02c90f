//! A provider with one defect, around one that keeps the contract.

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place has its own defects"
)]
mod defect;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{
    ActivityPage, Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit,
    Committed, DeleteMode, ExecutionRecord, HistoryPage, Inspect, Inspection, InstanceFilter,
    InstanceHead, InstanceId, InstancePage, InstanceValue, ListActivities, MailPage, Provider,
    ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release,
    Renew, Renewal, StoreMetrics, TopicCursor, Turn, Watch,
};
use duroxide_memory::conformance::MemoryFixture;
use duroxide_memory::{MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{Fixture, Store, Subject, TestClock, Unavailable};
use parking_lot::Mutex;
use tokio::task::yield_now;

pub(crate) use defect::Defect;
use defect::Memory;

const NOW_MS: u64 = 1_767_571_200_000;

/// The in-memory provider with this defect, compared with the one that has none.
pub(crate) fn subject(defect: Defect) -> Subject {
    Subject::new(DefectiveFixture(defect)).with_reference(MemoryFixture)
}

/// The in-memory provider with a fault of its own.
pub(crate) fn subject_inside(fault: duroxide_memory::Defect) -> Subject {
    Subject::new(FaultyFixture(fault)).with_reference(MemoryFixture)
}

struct FaultyFixture(duroxide_memory::Defect);

struct FaultyStore {
    clock: ManualClock,
    provider: Arc<dyn Provider>,
}

#[async_trait]
impl Fixture for FaultyFixture {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let clock = ManualClock::at_ms(NOW_MS);
        let options = MemoryOptions::default()
            .clock(Arc::new(clock.clone()))
            .defects(&[self.0]);
        let provider = Arc::new(MemoryProvider::with_options(options));
        Ok(Box::new(FaultyStore { clock, provider }))
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::clone(&self.provider))
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}

struct DefectiveFixture(Defect);

struct DefectiveStore {
    inner: Box<dyn Store>,
    defect: Defect,
}

#[async_trait]
impl Fixture for DefectiveFixture {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let (inner, defect) = (MemoryFixture.create().await?, self.0);
        Ok(Box::new(DefectiveStore { inner, defect }))
    }
}

#[async_trait]
impl Store for DefectiveStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::new(Defective {
            inner: self.inner.connect().await?,
            defect: self.defect,
            memory: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
        }))
    }

    fn clock(&self) -> &dyn TestClock {
        self.inner.clock()
    }
}

#[derive(Debug)]
struct Defective {
    inner: Arc<dyn Provider>,
    defect: Defect,
    memory: Mutex<Memory>,
    gate: tokio::sync::Mutex<()>,
}

impl Defective {
    /// Whether mail is due of a topic that this head says it awaits.
    async fn has_mail(&self, head: &InstanceHead) -> Result<bool, ProviderError> {
        let topics = head.awaited.iter().cloned();
        let request = ReadMail {
            instance: head.instance.clone(),
            incarnation: head.incarnation,
            topics: topics
                .map(|topic| TopicCursor { topic, after: None })
                .collect(),
            per_topic_max: 1,
            bytes_max: 0,
        };
        let page = self.inner.read_mail(&request).await?;
        Ok(!page.mail.is_empty())
    }

    /// An outcome in two steps, with a pause in between.
    async fn finish_in_two_steps(&self, operations: Vec<Commit>) -> Vec<Commit> {
        let mut rest = Vec::new();
        for mut operation in operations {
            if let Commit::Activity(outcome) = &mut operation
                && let Some(message) = outcome.message.take()
            {
                let envelope = defect::envelope(outcome.lease.key.instance.clone(), message);
                self.inner.commit(vec![Commit::Send(envelope)]).await;
                yield_now().await;
            }
            rest.push(operation);
        }
        rest
    }
}

#[async_trait]
impl Provider for Defective {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let mut claimed = self.inner.claim_turns(request).await?;
        self.memory
            .lock()
            .after_claim(self.defect, &mut claimed.items);
        if self.defect == Defect::SleepsOverMail {
            for turn in &mut claimed.items {
                turn.has_mail = !turn.head.suspended && self.has_mail(&turn.head).await?;
            }
        }
        Ok(claimed)
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

    async fn commit(&self, mut operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let _gate = if self.defect == Defect::LocksAcrossAwait {
            let gate = self.gate.lock().await;
            yield_now().await;
            Some(gate)
        } else {
            None
        };
        if self.defect == Defect::OutcomeInTwoSteps {
            operations = self.finish_in_two_steps(operations).await;
        }
        if self.defect == Defect::IgnoresTheFence {
            for operation in &mut operations {
                let head = self.inner.read_head(operation.instance()).await;
                let position = head.ok().flatten().map(|head| head.position);
                self.memory.lock().take_over_fence(operation, position);
            }
        }
        let asked = operations.clone();
        self.memory
            .lock()
            .before_commit(self.defect, &mut operations);
        let answers = self.inner.commit(operations).await;
        self.memory
            .lock()
            .after_commit(self.defect, &asked, answers)
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
        let mut page = self.inner.read_history(request).await?;
        if self.defect == Defect::CutsHistories {
            page.chunks.truncate(2);
        }
        Ok(page)
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let mut request = request.clone();
        self.memory.lock().before_read(self.defect, &mut request);
        let mut page = self.inner.read_mail(&request).await?;
        self.memory.lock().after_read(self.defect, &mut page);
        Ok(page)
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        self.inner.read_values(request).await
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let head = self.inner.read_head(instance).await?;
        Ok(head.map(|mut head| {
            self.memory.lock().pretend_to_await(self.defect, &mut head);
            if self.defect == Defect::LosesOutputs {
                head.output = None;
            }
            head
        }))
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
        self
    }
}

#[async_trait]
impl ProviderAdmin for Defective {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        self.inner.admin().list_instances(filter).await
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        self.inner.admin().inspect(request).await
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        self.inner.admin().list_activities(request).await
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        self.inner.admin().list_executions(instance).await
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        if self.defect == Defect::DeletesNothing {
            return Ok(());
        }
        self.inner.admin().delete_instance(instance, mode).await
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        self.inner
            .admin()
            .prune_executions(instance, keep_last)
            .await
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        let mut metrics = self.inner.admin().metrics().await?;
        if self.defect == Defect::LeavesEventsBehind {
            metrics.totals.total_events += 1;
        }
        Ok(metrics)
    }
}
