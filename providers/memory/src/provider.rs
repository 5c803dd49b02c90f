//! The provider itself: a lock around the state.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew,
    Renewal, Turn, Watch, check, refusal,
};
use parking_lot::{Mutex, MutexGuard};

use crate::defect::Defect;
use crate::options::MemoryOptions;
use crate::state::{Instance, State};
use crate::wait::{Wakes, changed_by};

/// A provider that keeps everything in memory, for tests, for development and as the reference.
#[derive(Default)]
pub struct MemoryProvider {
    state: Mutex<State>,
    pub(crate) wakes: Wakes,
    pub(crate) options: MemoryOptions,
}

impl MemoryProvider {
    /// An empty provider with the machine's clock and the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty provider with these settings.
    #[must_use]
    pub fn with_options(options: MemoryOptions) -> Self {
        let mut state = State::default();
        state.defects.clone_from(&options.defects);
        Self {
            state: Mutex::new(state),
            wakes: Wakes::default(),
            options,
        }
    }

    /// Another provider that starts from what this one holds now, open even if this one was
    /// closed: the store as a process finds it after a crash.
    ///
    /// Leases stay as they are, and the clock is shared; from here on the two are independent.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut state = self.state.lock().clone();
        state.closed = false;
        state.reopen();
        Self {
            state: Mutex::new(state),
            wakes: Wakes::default(),
            options: self.options.clone(),
        }
    }

    /// Applies a batch under one lock.
    pub(crate) fn commit_at_once(
        &self,
        operations: Vec<Commit>,
    ) -> Vec<Result<Committed, ProviderError>> {
        match self.enter("commit") {
            Ok(mut state) => state.commit(&self.options.limits, operations),
            Err(_) => refuse_each("commit", operations.len()),
        }
    }

    pub(crate) fn set_closed(&self, closed: bool) {
        self.state.lock().closed = closed;
    }

    /// Begins an operation: one after another, each at its time (CON-01).
    pub(crate) fn enter(
        &self,
        operation: &'static str,
    ) -> Result<MutexGuard<'_, State>, ProviderError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(refusal::closed(operation));
        }
        state.begin_at(self.options.clock.now_ms());
        Ok(state)
    }
}

impl fmt::Debug for MemoryProvider {
    /// Without the state, which holds the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryProvider")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for MemoryProvider {
    fn about(&self) -> ProviderInfo {
        ProviderInfo {
            name: "memory",
            version: env!("CARGO_PKG_VERSION"),
            backend: "the memory of this process".to_owned(),
            contract: ProviderInfo::CONTRACT,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::volatile();
        capabilities.limits = self.options.limits;
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        if self.tears_claims() {
            return self.claim_turns_torn(request).await;
        }
        self.enter("claim_turns")?.claim_turns(request)
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        self.enter("claim_activities")?.claim_activities(request)
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        self.wait_until_claimable(queues, max_wait).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        if self.tears_commits() {
            return self.commit_torn(operations).await;
        }
        let changed = changed_by(&operations);
        let answers = self.commit_at_once(operations);
        if !self.options.defects.has(Defect::CommitWakesNobody) {
            self.wakes.wake_workers();
            self.wakes.wake_watchers(&changed);
        }
        answers
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        match self.enter("renew") {
            Ok(mut state) => {
                let refusals = state.refusals(check::renewals(leases));
                let accepted = refusals.accepted(leases);
                let answers = accepted.map(|renew| Ok(state.renew(renew, extend_by)));
                let answers = answers.collect();
                refusals.answers(answers)
            }
            Err(_) => refuse_each("renew", leases.len()),
        }
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let answers = match self.enter("release") {
            Ok(mut state) => {
                let refusals = state.refusals(check::releases(&releases));
                let accepted = refusals.accepted(releases);
                let answers = accepted.map(|release| state.release(release)).collect();
                refusals.answers(answers)
            }
            Err(_) => return refuse_each("release", releases.len()),
        };
        self.wakes.wake_workers();
        answers
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        Ok(self.enter("read_history")?.read_history(request))
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        Ok(self.enter("read_mail")?.read_mail(request))
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        Ok(self.enter("read_values")?.read_values(request))
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let state = self.enter("read_head")?;
        Ok(state.instances.get(instance).map(Instance::head_and_note))
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.wait_until_changed(watched, max_wait).await
    }

    async fn maintain(&self, _budget: Duration) -> Result<Option<Duration>, ProviderError> {
        let mut state = self.enter("maintain")?;
        state.sweep_values();
        let is_left = state.sweep_expired();
        drop(state);
        self.wakes.wake_all();
        Ok(is_left.then_some(Duration::ZERO))
    }

    async fn close(&self) {
        self.set_closed(true);
        if !self.options.defects.has(Defect::CloseLeavesWaiters) {
            self.wakes.wake_all();
        }
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }
}

/// Answers each member of a batch that reached a closed provider.
fn refuse_each<T>(operation: &'static str, members: usize) -> Vec<Result<T, ProviderError>> {
    (0..members)
        .map(|_| Err(refusal::closed(operation)))
        .collect()
}
