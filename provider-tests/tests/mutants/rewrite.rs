//! A provider whose requests or answers are changed on their way.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::{
    ActivityPage, Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit,
    Committed, DeleteMode, ExecutionRecord, HistoryPage, Inspect, Inspection, InstanceFilter,
    InstanceHead, InstanceId, InstancePage, InstanceValue, ListActivities, MailPage, Provider,
    ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release,
    Renew, Renewal, StoreMetrics, Turn, Watch,
};

type Answers<T> = Vec<Result<T, ProviderError>>;
type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is changed: a request before it is made, or an answer before it is given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rewrite {
    Capabilities(fn(&mut Capabilities)),
    AskTurns(fn(&mut ClaimTurns)),
    Turns(fn(&mut Claimed<Turn>)),
    AskActivities(fn(&mut ClaimActivities)),
    Activities(fn(&mut Claimed<ClaimedActivity>)),
    AskCommit(fn(&mut Commit)),
    /// The answers to a batch.
    Committed(fn(&mut Answers<Committed>)),
    AskRenew(fn(&mut Duration)),
    /// What is to be renewed.
    AskRenewals(fn(&mut Vec<Renew>)),
    Renewed(fn(&mut Answers<Renewal>)),
    AskRelease(fn(&mut Release)),
    Released(fn(&mut Answers<()>)),
    AskHistory(fn(&mut ReadHistory)),
    History(fn(&ReadHistory, &mut Result<HistoryPage, ProviderError>)),
    AskMail(fn(&mut ReadMail)),
    Mail(fn(&ReadMail, &mut MailPage)),
    AskValues(fn(&mut ReadValues)),
    Values(fn(&mut Vec<InstanceValue>)),
    AskChange(fn(&mut Vec<Watch>)),
    /// The heads that are read and those that are claimed.
    Heads(fn(&mut InstanceHead)),
    AskWait(fn(&mut Duration)),
    Changed(fn(&mut Vec<InstanceHead>)),
    AskDelete(fn(&mut DeleteMode)),
    Deleted(fn(&mut Result<(), ProviderError>)),
    AskPrune(fn(&mut u64)),
    AskInstances(fn(&mut InstanceFilter)),
    Instances(fn(&mut InstancePage)),
    Executions(fn(&mut Vec<ExecutionRecord>)),
    Metrics(fn(&mut StoreMetrics)),
    AskInspect(fn(&mut Inspect)),
    Inspected(fn(&mut Inspection)),
    AskListActivities(fn(&mut ListActivities)),
    ListedActivities(fn(&mut ActivityPage)),
    /// What is done after nothing was found to claim, before looking again.
    BeforeAnEmptyClaim(for<'a> fn(&'a dyn Provider) -> Later<'a, ()>),
    /// What is done beside waiting for work.
    AfterWait(for<'a> fn(&'a dyn Provider) -> Later<'a, ()>),
    /// What is done beside maintenance.
    AfterMaintain(for<'a> fn(&'a dyn Provider) -> Later<'a, ()>),
    /// Closing does nothing.
    NoClose,
}

/// A provider with a [`Rewrite`].
#[derive(Debug)]
pub(super) struct Rewritten {
    inner: Arc<dyn Provider>,
    rewrite: Rewrite,
}

impl Rewritten {
    pub(super) fn new(inner: Arc<dyn Provider>, rewrite: Rewrite) -> Self {
        Self { inner, rewrite }
    }

    fn head(&self, head: &mut InstanceHead) {
        if let Rewrite::Heads(change) = self.rewrite {
            change(head);
        }
    }
}

#[async_trait]
impl Provider for Rewritten {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        if let Rewrite::Capabilities(change) = self.rewrite {
            change(&mut capabilities);
        }
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let mut request = request.clone();
        if let Rewrite::AskTurns(change) = self.rewrite {
            change(&mut request);
        }
        let mut claimed = self.inner.claim_turns(&request).await?;
        if let (true, Rewrite::BeforeAnEmptyClaim(act)) = (claimed.items.is_empty(), self.rewrite) {
            act(&*self.inner).await;
            claimed = self.inner.claim_turns(&request).await?;
        }
        if let Rewrite::Turns(change) = self.rewrite {
            change(&mut claimed);
        }
        for turn in &mut claimed.items {
            self.head(&mut turn.head);
        }
        Ok(claimed)
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let mut request = request.clone();
        if let Rewrite::AskActivities(change) = self.rewrite {
            change(&mut request);
        }
        let mut claimed = self.inner.claim_activities(&request).await?;
        if let Rewrite::Activities(change) = self.rewrite {
            change(&mut claimed);
        }
        Ok(claimed)
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        mut max_wait: Duration,
    ) -> Result<(), ProviderError> {
        if let Rewrite::AskWait(change) = self.rewrite {
            change(&mut max_wait);
        }
        let waited = self.inner.wait_for_work(queues, max_wait).await;
        if let Rewrite::AfterWait(act) = self.rewrite {
            act(&*self.inner).await;
        }
        waited
    }

    async fn commit(&self, mut operations: Vec<Commit>) -> Answers<Committed> {
        if let Rewrite::AskCommit(change) = self.rewrite {
            operations.iter_mut().for_each(change);
        }
        let mut answers = self.inner.commit(operations).await;
        if let Rewrite::Committed(change) = self.rewrite {
            change(&mut answers);
        }
        answers
    }

    async fn renew(&self, leases: &[Renew], mut extend_by: Duration) -> Answers<Renewal> {
        if let Rewrite::AskRenew(change) = self.rewrite {
            change(&mut extend_by);
        }
        let mut renewals = leases.to_vec();
        if let Rewrite::AskRenewals(change) = self.rewrite {
            change(&mut renewals);
        }
        let mut answers = self.inner.renew(&renewals, extend_by).await;
        if let Rewrite::Renewed(change) = self.rewrite {
            change(&mut answers);
        }
        answers
    }

    async fn release(&self, mut releases: Vec<Release>) -> Answers<()> {
        if let Rewrite::AskRelease(change) = self.rewrite {
            releases.iter_mut().for_each(change);
        }
        let mut answers = self.inner.release(releases).await;
        if let Rewrite::Released(change) = self.rewrite {
            change(&mut answers);
        }
        answers
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let mut request = request.clone();
        if let Rewrite::AskHistory(change) = self.rewrite {
            change(&mut request);
        }
        let mut page = self.inner.read_history(&request).await;
        if let Rewrite::History(change) = self.rewrite {
            change(&request, &mut page);
        }
        page
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let mut asked = request.clone();
        if let Rewrite::AskMail(change) = self.rewrite {
            change(&mut asked);
        }
        let mut page = self.inner.read_mail(&asked).await?;
        if let Rewrite::Mail(change) = self.rewrite {
            change(request, &mut page);
        }
        Ok(page)
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        let mut asked = request.clone();
        if let Rewrite::AskValues(change) = self.rewrite {
            change(&mut asked);
        }
        let mut values = self.inner.read_values(&asked).await?;
        if let Rewrite::Values(change) = self.rewrite {
            change(&mut values);
        }
        Ok(values)
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let mut head = self.inner.read_head(instance).await?;
        head.iter_mut().for_each(|head| self.head(head));
        Ok(head)
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        mut max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        if let Rewrite::AskWait(change) = self.rewrite {
            change(&mut max_wait);
        }
        let mut watched = watched.to_vec();
        if let Rewrite::AskChange(change) = self.rewrite {
            change(&mut watched);
        }
        let mut heads = self.inner.wait_for_change(&watched, max_wait).await?;
        if let Rewrite::Changed(change) = self.rewrite {
            change(&mut heads);
        }
        Ok(heads)
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        let maintained = self.inner.maintain(budget).await;
        if let Rewrite::AfterMaintain(act) = self.rewrite {
            act(&*self.inner).await;
        }
        maintained
    }

    async fn close(&self) {
        if !matches!(self.rewrite, Rewrite::NoClose) {
            self.inner.close().await;
        }
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }
}

#[async_trait]
impl ProviderAdmin for Rewritten {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        let mut filter = filter.clone();
        if let Rewrite::AskInstances(change) = self.rewrite {
            change(&mut filter);
        }
        let mut page = self.inner.admin().list_instances(&filter).await?;
        if let Rewrite::Instances(change) = self.rewrite {
            change(&mut page);
        }
        Ok(page)
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        let mut asked = request.clone();
        if let Rewrite::AskInspect(change) = self.rewrite {
            change(&mut asked);
        }
        let mut inspected = self.inner.admin().inspect(&asked).await?;
        if let (Rewrite::Inspected(change), Some(inspected)) = (self.rewrite, &mut inspected) {
            change(inspected);
        }
        Ok(inspected)
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        let mut asked = request.clone();
        if let Rewrite::AskListActivities(change) = self.rewrite {
            change(&mut asked);
        }
        let mut page = self.inner.admin().list_activities(&asked).await?;
        if let Rewrite::ListedActivities(change) = self.rewrite {
            change(&mut page);
        }
        Ok(page)
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let mut executions = self.inner.admin().list_executions(instance).await?;
        if let Rewrite::Executions(change) = self.rewrite {
            change(&mut executions);
        }
        Ok(executions)
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mut mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        if let Rewrite::AskDelete(change) = self.rewrite {
            change(&mut mode);
        }
        let mut deleted = self.inner.admin().delete_instance(instance, mode).await;
        if let Rewrite::Deleted(change) = self.rewrite {
            change(&mut deleted);
        }
        deleted
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        mut keep_last: u64,
    ) -> Result<u64, ProviderError> {
        if let Rewrite::AskPrune(change) = self.rewrite {
            change(&mut keep_last);
        }
        self.inner
            .admin()
            .prune_executions(instance, keep_last)
            .await
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        let mut metrics = self.inner.admin().metrics().await?;
        if let Rewrite::Metrics(change) = self.rewrite {
            change(&mut metrics);
        }
        Ok(metrics)
    }
}
