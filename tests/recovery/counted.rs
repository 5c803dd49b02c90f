//! A store that counts the calls it gets, and can be slow to answer, or fail to renew.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    ErrorKind, Fence, HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider,
    ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release,
    Renew, Renewal, Turn, Watch,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A store that counts the calls it gets, and can be slow to answer, or fail to renew.
#[derive(Debug)]
pub(crate) struct Counted<P> {
    inner: Arc<P>,
    calls: AtomicU64,
    renewals: AtomicU64,
    history_reads: AtomicU64,
    /// Closed while the answers to claims are held back.
    answers: Semaphore,
    held_back: AtomicU64,
    /// Closed while the answers to claims of activities are held back, whatever they found.
    activity_answers: Semaphore,
    /// Closed while commits of turns are held back.
    commits: Semaphore,
    held_commits: AtomicU64,
    /// Closed while the acknowledgements of turns are held back.
    acknowledgements: Semaphore,
    held_acknowledgements: AtomicU64,
    /// Closed while releases are held back.
    releases: Semaphore,
    held_releases: AtomicU64,
    fails_to_renew: AtomicBool,
    fails_to_commit: AtomicBool,
    failed_commits: AtomicU64,
    load: Mutex<Load>,
    /// How many turns each claim asked for.
    claim_sizes: Mutex<Vec<usize>>,
}

/// How much a runtime has in its hands, and the most it had at any time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) turns: usize,
    pub(crate) turns_max: usize,
    /// The turns that were claimed so far.
    pub(crate) turns_ever: usize,
    pub(crate) activities: usize,
    pub(crate) activities_max: usize,
    /// The activities that were created without a node that has reserved them, so far.
    pub(crate) unreserved_ever: usize,
    /// The most messages and bytes that a turn was claimed with.
    pub(crate) messages_max: usize,
    pub(crate) bytes_max: usize,
}

/// What a commit changes of it.
struct Change {
    /// Turns that were claimed; those that take no claim are not in anybody's hands.
    turns: usize,
    ended: usize,
    reserved: usize,
    unreserved: usize,
}

impl Change {
    fn of(operation: &Commit) -> Self {
        let (turns, ended, reserved, unreserved) = match operation {
            Commit::Turn(turn) => {
                let activities = turn.activities.iter();
                let reserved = activities.filter(|it| it.reservation.is_some()).count();
                let is_claimed = matches!(turn.fence, Fence::At { .. });
                (
                    usize::from(is_claimed),
                    turn.completed.len(),
                    reserved,
                    turn.activities.len() - reserved,
                )
            }
            Commit::Activity(_) => (0, 1, 0, 0),
            Commit::Send(_) => (0, 0, 0, 0),
        };
        Self {
            turns,
            ended,
            reserved,
            unreserved,
        }
    }
}

impl Load {
    fn claim(&mut self, turns: &[Turn]) {
        self.turns += turns.len();
        self.turns_ever += turns.len();
        self.turns_max = self.turns_max.max(self.turns);
        for turn in turns {
            let bytes = turn.messages.iter().map(|message| message.body.len()).sum();
            self.messages_max = self.messages_max.max(turn.messages.len());
            self.bytes_max = self.bytes_max.max(bytes);
        }
    }

    fn work(&mut self, activities: usize) {
        self.activities += activities;
        self.activities_max = self.activities_max.max(self.activities);
    }
}

impl<P: Provider> Counted<P> {
    pub(crate) fn new(inner: P) -> Self {
        Self::around(Arc::new(inner))
    }

    /// Around a store that the test has as well.
    pub(crate) fn around(inner: Arc<P>) -> Self {
        Self {
            inner,
            calls: AtomicU64::new(0),
            renewals: AtomicU64::new(0),
            history_reads: AtomicU64::new(0),
            answers: Semaphore::new(1),
            held_back: AtomicU64::new(0),
            activity_answers: Semaphore::new(1),
            commits: Semaphore::new(1),
            held_commits: AtomicU64::new(0),
            acknowledgements: Semaphore::new(1),
            held_acknowledgements: AtomicU64::new(0),
            releases: Semaphore::new(1),
            held_releases: AtomicU64::new(0),
            fails_to_renew: AtomicBool::new(false),
            fails_to_commit: AtomicBool::new(false),
            failed_commits: AtomicU64::new(0),
            load: Mutex::default(),
            claim_sizes: Mutex::default(),
        }
    }

    /// Holds back the answers to claims that found something, until the permit is dropped.
    pub(crate) async fn hold_back_claims(&self) -> SemaphorePermit<'_> {
        self.answers.acquire().await.unwrap()
    }

    /// Holds back the answers to claims of activities, until the permit is dropped.
    pub(crate) async fn hold_back_activity_claims(&self) -> SemaphorePermit<'_> {
        self.activity_answers.acquire().await.unwrap()
    }

    /// How many answers were held back so far.
    pub(crate) fn held_back(&self) -> u64 {
        self.held_back.load(Ordering::SeqCst)
    }

    /// Holds back commits of turns, until the permit is dropped.
    pub(crate) async fn hold_back_commits(&self) -> SemaphorePermit<'_> {
        self.commits.acquire().await.unwrap()
    }

    /// How many commits were held back so far.
    pub(crate) fn held_commits(&self) -> u64 {
        self.held_commits.load(Ordering::SeqCst)
    }

    /// Holds back what the store says of turns that it has committed, until the permit is dropped.
    pub(crate) async fn hold_back_acknowledgements(&self) -> SemaphorePermit<'_> {
        self.acknowledgements.acquire().await.unwrap()
    }

    /// How many acknowledgements were held back so far.
    pub(crate) fn held_acknowledgements(&self) -> u64 {
        self.held_acknowledgements.load(Ordering::SeqCst)
    }

    /// Holds back releases, until the permit is dropped.
    pub(crate) async fn hold_back_releases(&self) -> SemaphorePermit<'_> {
        self.releases.acquire().await.unwrap()
    }

    /// How many releases were held back so far.
    pub(crate) fn held_releases(&self) -> u64 {
        self.held_releases.load(Ordering::SeqCst)
    }

    /// Whether no lease can be renewed from now on.
    pub(crate) fn set_fails_to_renew(&self, fails: bool) {
        self.fails_to_renew.store(fails, Ordering::SeqCst);
    }

    /// Whether no turn can be committed from now on, since the store is out of reach.
    pub(crate) fn set_fails_to_commit(&self, fails: bool) {
        self.fails_to_commit.store(fails, Ordering::SeqCst);
    }

    /// How many commits of turns have failed so.
    pub(crate) fn failed_commits(&self) -> u64 {
        self.failed_commits.load(Ordering::SeqCst)
    }

    /// What the runtimes on this store have in their hands.
    pub(crate) fn load(&self) -> Load {
        *self.load.lock().unwrap()
    }

    /// How many turns each claim so far asked for.
    pub(crate) fn claim_sizes(&self) -> Vec<usize> {
        self.claim_sizes.lock().unwrap().clone()
    }

    /// How many calls there were, waits apart.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many leases were renewed.
    pub(crate) fn renewals(&self) -> u64 {
        self.renewals.load(Ordering::SeqCst)
    }

    /// How many pages of histories were read.
    pub(crate) fn history_reads(&self) -> u64 {
        self.history_reads.load(Ordering::SeqCst)
    }

    fn count(&self) -> &P {
        self.calls.fetch_add(1, Ordering::SeqCst);
        &self.inner
    }
}

#[async_trait]
impl<P: Provider> Provider for Counted<P> {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        self.claim_sizes.lock().unwrap().push(request.turns_max);
        let claimed = self.count().claim_turns(request).await?;
        self.load.lock().unwrap().claim(&claimed.items);
        if self.answers.available_permits() == 0 && !claimed.items.is_empty() {
            self.held_back.fetch_add(1, Ordering::SeqCst);
            drop(self.answers.acquire().await);
        }
        Ok(claimed)
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let claimed = self.count().claim_activities(request).await?;
        self.load.lock().unwrap().work(claimed.items.len());
        drop(self.activity_answers.acquire().await);
        Ok(claimed)
    }

    async fn wait_for_work(&self, queues: &Queues, max: Duration) -> Result<(), ProviderError> {
        self.inner.wait_for_work(queues, max).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let is_turn = |operation: &Commit| matches!(operation, Commit::Turn(_));
        if self.commits.available_permits() == 0 && operations.iter().any(is_turn) {
            self.held_commits.fetch_add(1, Ordering::SeqCst);
            drop(self.commits.acquire().await);
        }
        if self.fails_to_commit.load(Ordering::SeqCst) && operations.iter().any(is_turn) {
            self.failed_commits.fetch_add(1, Ordering::SeqCst);
            let failed = || ProviderError::new(ErrorKind::Unavailable, "commit", "told to fail");
            return operations.iter().map(|_| Err(failed())).collect();
        }
        let changes: Vec<Change> = operations.iter().map(Change::of).collect();
        let has_turns = operations.iter().any(is_turn);
        let answers = self.count().commit(operations).await;
        if self.acknowledgements.available_permits() == 0 && has_turns {
            self.held_acknowledgements.fetch_add(1, Ordering::SeqCst);
            drop(self.acknowledgements.acquire().await);
        }
        let mut load = self.load.lock().unwrap();
        for (change, answer) in changes.iter().zip(&answers) {
            if answer.is_ok() {
                load.turns -= change.turns;
                load.activities -= change.ended;
                load.work(change.reserved);
                load.unreserved_ever += change.unreserved;
            }
        }
        drop(load);
        answers
    }

    async fn renew(&self, leases: &[Renew], by: Duration) -> Vec<Result<Renewal, ProviderError>> {
        if self.fails_to_renew.load(Ordering::SeqCst) {
            let failed = || {
                let error = ProviderError::new(ErrorKind::Unavailable, "renew", "told to fail");
                Err(error)
            };
            return leases.iter().map(|_| failed()).collect();
        }
        let answers = self.count().renew(leases, by).await;
        self.renewals
            .fetch_add(leases.len() as u64, Ordering::SeqCst);
        answers
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        if self.releases.available_permits() == 0 {
            self.held_releases.fetch_add(1, Ordering::SeqCst);
            drop(self.releases.acquire().await);
        }
        self.count().release(releases).await
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        self.history_reads.fetch_add(1, Ordering::SeqCst);
        self.count().read_history(request).await
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        self.count().read_mail(request).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        self.count().read_values(request).await
    }

    async fn read_head(&self, id: &InstanceId) -> Result<Option<InstanceHead>, ProviderError> {
        self.count().read_head(id).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.inner.wait_for_change(watched, max).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.count().maintain(budget).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self.inner.admin()
    }
}
