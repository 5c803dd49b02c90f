//! A process that can be killed, or stopped for a while.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    ErrorKind, HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider,
    ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release,
    Renew, Renewal, Turn, Watch,
};
use parking_lot::Mutex;
use tokio::sync::watch;

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It works.
    Alive,
    /// It does what it has, and takes on no more turns.
    WithoutTurns,
    /// It stands still: its calls wait until it goes on.
    Frozen,
    /// Nothing it does reaches the store any more, and nothing is answered.
    Dead,
    /// The same, but its calls fail, so that what is left of its runtime ends.
    Gone,
}

/// Something in one instance's turn that its process runs into, once, just before it commits the
/// turn.
#[derive(Debug, Clone)]
pub(crate) enum Fuse {
    /// The process dies.
    Death(InstanceId),
    /// The process stands still until it is told to go on.
    Freeze(InstanceId),
}

/// What is wrong with the store, as one process sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ailment {
    /// Every commit fails, and nothing is changed.
    Commits(ErrorKind),
    /// Histories have no end.
    Histories,
}

/// The store as one process sees it. From its death on no call begins and none is answered: those
/// under way are dropped, and whether they happened nobody knows.
///
/// Once it is cleared away its calls are answered, with errors, so that its runtime can end; they do
/// not reach the store either.
#[derive(Debug)]
pub(super) struct Process {
    store: Arc<dyn Provider>,
    state: watch::Sender<State>,
    fuse: Mutex<Option<Fuse>>,
    ailment: Mutex<Option<Ailment>>,
    let_downs: AtomicU64,
    /// How many commits were answered.
    commits: watch::Sender<u64>,
    /// How many renewals that brought details were answered.
    details: AtomicU64,
}

impl Process {
    pub(super) fn new(store: Arc<dyn Provider>, fuse: Option<Fuse>) -> Self {
        Self {
            store,
            state: watch::Sender::new(State::Alive),
            fuse: Mutex::new(fuse),
            ailment: Mutex::new(None),
            let_downs: AtomicU64::new(0),
            commits: watch::Sender::new(0),
            details: AtomicU64::new(0),
        }
    }

    pub(super) fn die(&self) {
        self.state.send_replace(State::Dead);
    }

    /// Lets what is left of a dead process end.
    pub(super) fn clear_away(&self) {
        self.state.send_replace(State::Gone);
    }

    pub(super) fn is_cleared_away(&self) -> bool {
        *self.state.borrow() == State::Gone
    }

    pub(super) fn freeze(&self) {
        self.state.send_replace(State::Frozen);
    }

    /// How many renewals that brought details were answered.
    pub(super) fn details_stored(&self) -> u64 {
        self.details.load(Ordering::Relaxed)
    }

    /// Goes on, and returns when one of the commits that had to wait has been answered.
    pub(super) async fn thaw(&self) {
        let mut commits = self.commits.subscribe();
        self.state.send_replace(State::Alive);
        commits.changed().await.ok();
    }

    pub(super) async fn frozen(&self) {
        self.becomes(|state| state == State::Frozen).await;
    }

    pub(super) fn refuse_turns(&self) {
        self.state.send_replace(State::WithoutTurns);
    }

    pub(super) fn take_turns(&self) {
        self.state.send_replace(State::Alive);
    }

    pub(super) fn ail(&self, ailment: Option<Ailment>) {
        *self.ailment.lock() = ailment;
    }

    pub(super) fn let_downs(&self) -> u64 {
        self.let_downs.load(Ordering::SeqCst)
    }

    fn ailment(&self) -> Option<Ailment> {
        *self.ailment.lock()
    }

    fn let_down(&self) {
        self.let_downs.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) async fn death(&self) {
        self.becomes(|state| matches!(state, State::Dead | State::Gone))
            .await;
    }

    async fn becomes(&self, is_it: impl Fn(State) -> bool + Send + Sync) {
        let mut state = self.state.subscribe();
        // The sender is this process's own, so that the wait cannot fail.
        state.wait_for(|state| is_it(*state)).await.ok();
    }

    /// The answer to a call, if the process lives to hear it.
    async fn alive<T>(&self, call: impl Future<Output = T> + Send) -> Result<T, ProviderError> {
        tokio::select! {
            biased;
            () = self.death() => {
                self.becomes(|state| state == State::Gone).await;
                Err(is_dead())
            }
            answer = async {
                self.becomes(|state| state != State::Frozen).await;
                call.await
            } => Ok(answer),
        }
    }

    /// The answers to a call with several members.
    async fn each_alive<T: Send>(
        &self,
        members: usize,
        call: impl Future<Output = Vec<Result<T, ProviderError>>> + Send,
    ) -> Vec<Result<T, ProviderError>> {
        match self.alive(call).await {
            Ok(answers) => answers,
            Err(_) => (0..members).map(|_| Err(is_dead())).collect(),
        }
    }

    /// The answer to a claim of turns, once the process wants it.
    async fn willing<T, F: Future<Output = T> + Send>(
        &self,
        claim: impl Fn() -> F + Sync,
    ) -> Result<T, ProviderError> {
        loop {
            tokio::select! {
                biased;
                () = self.becomes(|state| state == State::WithoutTurns) => {
                    self.becomes(|state| state != State::WithoutTurns).await;
                }
                answer = self.alive(claim()) => return answer,
            }
        }
    }

    /// Lights the fuse if its instance's turn is to be committed.
    fn light(&self, operations: &[Commit]) {
        let has_turn = |fuse: &mut Fuse| {
            let (Fuse::Death(instance) | Fuse::Freeze(instance)) = fuse;
            operations
                .iter()
                .any(|it| matches!(it, Commit::Turn(turn) if turn.instance == *instance))
        };
        match self.fuse.lock().take_if(has_turn) {
            Some(Fuse::Death(_)) => self.die(),
            Some(Fuse::Freeze(_)) => self.freeze(),
            None => {}
        }
    }
}

fn is_dead() -> ProviderError {
    ProviderError::permanent("call", "the process is dead")
}

#[async_trait]
impl Provider for Process {
    fn about(&self) -> ProviderInfo {
        self.store.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        self.willing(|| self.store.claim_turns(request)).await?
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        self.alive(self.store.claim_activities(request)).await?
    }

    async fn wait_for_work(&self, queues: &Queues, max: Duration) -> Result<(), ProviderError> {
        self.alive(self.store.wait_for_work(queues, max)).await?
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        self.light(&operations);
        if let Some(Ailment::Commits(kind)) = self.ailment() {
            self.let_down();
            let refused = || Err(ProviderError::new(kind, "commit", "told to fail"));
            return operations.iter().map(|_| refused()).collect();
        }
        let members = operations.len();
        let answers = self
            .each_alive(members, self.store.commit(operations))
            .await;
        self.commits.send_modify(|commits| *commits += 1);
        answers
    }

    async fn renew(&self, leases: &[Renew], by: Duration) -> Vec<Result<Renewal, ProviderError>> {
        let answers = self
            .each_alive(leases.len(), self.store.renew(leases, by))
            .await;
        let bringing = leases.iter().filter(|it| it.details.is_some()).count();
        self.details.fetch_add(bringing as u64, Ordering::Relaxed);
        answers
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let members = releases.len();
        self.each_alive(members, self.store.release(releases)).await
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        if let Some(Ailment::Histories) = self.ailment() {
            self.let_down();
            return Ok(HistoryPage::default());
        }
        self.alive(self.store.read_history(request)).await?
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        self.alive(self.store.read_mail(request)).await?
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        self.alive(self.store.read_values(request)).await?
    }

    async fn read_head(&self, id: &InstanceId) -> Result<Option<InstanceHead>, ProviderError> {
        self.alive(self.store.read_head(id)).await?
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.alive(self.store.wait_for_change(watched, max)).await?
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.alive(self.store.maintain(budget)).await?
    }

    async fn close(&self) {
        self.alive(self.store.close()).await.ok();
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self.store.admin()
    }
}
