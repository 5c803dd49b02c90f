//! The line between a process and its store, which is cut at one call.

use std::future::{Future, pending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew,
    Renewal, Turn, Watch,
};
use tokio::sync::watch;

use crate::point::{Crash, Method, Point};

/// How a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It leads to the first store.
    First,
    /// The fork is being taken. From here on the first store's answers are not heard, so that
    /// whatever was acknowledged is in the fork.
    Cut,
    /// The process is dead: nothing it calls begins, and nothing is answered.
    Dead,
    /// It leads to the fork.
    Second,
}

/// The store as one process sees it, until its crash and, if it survives that, after it.
#[derive(Debug)]
pub(crate) struct Line {
    first: Arc<MemoryProvider>,
    /// The store as the crash left it.
    fork: OnceLock<Arc<MemoryProvider>>,
    point: Option<Point>,
    state: watch::Sender<State>,
    /// How many calls there were of the point's method.
    calls: AtomicU64,
    /// How many times a call began or was answered.
    traffic: AtomicU64,
}

impl Line {
    pub(crate) fn new(store: Arc<MemoryProvider>, point: Option<Point>) -> Self {
        Self {
            first: store,
            fork: OnceLock::new(),
            point,
            state: watch::Sender::new(State::First),
            calls: AtomicU64::new(0),
            traffic: AtomicU64::new(0),
        }
    }

    /// The store that counts now: the fork after a crash.
    pub(crate) fn store(&self) -> Arc<MemoryProvider> {
        Arc::clone(self.fork.get().unwrap_or(&self.first))
    }

    /// Returns when the process is dead and the fork has been taken.
    pub(crate) async fn death(&self) {
        self.becomes(|state| state == State::Dead).await;
    }

    /// Whether the crash has come.
    pub(crate) fn has_crashed(&self) -> bool {
        self.fork.get().is_some()
    }

    /// A number that stands still as long as the process is idle.
    pub(crate) fn traffic(&self) -> u64 {
        self.traffic.load(Ordering::SeqCst)
    }

    async fn becomes(&self, is_it: impl Fn(State) -> bool) {
        let mut states = self.state.subscribe();
        // The sender is this line's own, so that the wait cannot fail.
        states.wait_for(|state| is_it(*state)).await.ok();
    }

    /// Where a call that begins now goes.
    fn end(&self) -> End {
        match *self.state.borrow() {
            State::Second => End {
                state: State::Second,
                store: self.store(),
            },
            State::First | State::Cut | State::Dead => End {
                state: State::First,
                store: Arc::clone(&self.first),
            },
        }
    }

    /// A call that writes, at which the crash may be.
    async fn write<T: Send>(
        &self,
        method: Method,
        end: &End,
        call: impl Future<Output = T> + Send,
    ) -> Result<T, ProviderError> {
        match self.crash_now(method) {
            None => self.read(end, call).await,
            Some(Crash::Before) => self.cut(State::Dead).await,
            Some(Crash::After) => {
                drop(call.await);
                self.cut(State::Dead).await
            }
            Some(Crash::ReplyLost) => {
                drop(call.await);
                self.cut(State::Second).await
            }
        }
    }

    /// Counts a call; answers the crash that comes with it.
    fn crash_now(&self, method: Method) -> Option<Crash> {
        let point = self.point.filter(|point| point.method == method)?;
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        (number == point.call).then_some(point.crash)
    }

    /// A call's answer, if the line still leads where it led when the call began.
    async fn read<T: Send>(
        &self,
        end: &End,
        call: impl Future<Output = T> + Send,
    ) -> Result<T, ProviderError> {
        self.traffic.fetch_add(1, Ordering::SeqCst);
        let answer = tokio::select! {
            biased;
            () = self.becomes(|state| state != end.state) => None,
            answer = call => Some(answer),
        };
        self.traffic.fetch_add(1, Ordering::SeqCst);
        match answer {
            Some(answer) if *self.state.borrow() == end.state => Ok(answer),
            _ => self.unanswered().await,
        }
    }

    /// Takes the fork.
    async fn cut<T>(&self, then: State) -> Result<T, ProviderError> {
        self.state.send_replace(State::Cut);
        self.fork.set(Arc::new(self.first.fork())).unwrap();
        self.state.send_replace(then);
        self.unanswered().await
    }

    /// The dead hear nothing, and the living that the line was cut.
    async fn unanswered<T>(&self) -> Result<T, ProviderError> {
        self.becomes(|state| state != State::Cut).await;
        if *self.state.borrow() == State::Dead {
            pending::<()>().await;
        }
        Err(was_cut())
    }
}

/// A store, and how the line was when it led there.
struct End {
    state: State,
    store: Arc<MemoryProvider>,
}

fn was_cut() -> ProviderError {
    ProviderError::retryable("call", "the line was cut")
}

/// The answers to a batch, each in its place.
fn each<T>(
    count: usize,
    answers: Result<Vec<Result<T, ProviderError>>, ProviderError>,
) -> Vec<Result<T, ProviderError>> {
    answers.unwrap_or_else(|_| (0..count).map(|_| Err(was_cut())).collect())
}

#[async_trait]
impl Provider for Line {
    fn about(&self) -> ProviderInfo {
        self.first.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.first.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let end = self.end();
        let call = end.store.claim_turns(request);
        self.write(Method::ClaimTurns, &end, call).await?
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let end = self.end();
        let call = end.store.claim_activities(request);
        self.write(Method::ClaimActivities, &end, call).await?
    }

    async fn wait_for_work(&self, queues: &Queues, max: Duration) -> Result<(), ProviderError> {
        let end = self.end();
        self.read(&end, end.store.wait_for_work(queues, max))
            .await?
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let (end, count) = (self.end(), operations.len());
        let call = end.store.commit(operations);
        each(count, self.write(Method::Commit, &end, call).await)
    }

    async fn renew(&self, leases: &[Renew], by: Duration) -> Vec<Result<Renewal, ProviderError>> {
        let end = self.end();
        let call = end.store.renew(leases, by);
        each(leases.len(), self.write(Method::Renew, &end, call).await)
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let (end, count) = (self.end(), releases.len());
        let call = end.store.release(releases);
        each(count, self.write(Method::Release, &end, call).await)
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let end = self.end();
        self.read(&end, end.store.read_history(request)).await?
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let end = self.end();
        self.read(&end, end.store.read_mail(request)).await?
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        let end = self.end();
        self.read(&end, end.store.read_values(request)).await?
    }

    async fn read_head(&self, id: &InstanceId) -> Result<Option<InstanceHead>, ProviderError> {
        let end = self.end();
        self.read(&end, end.store.read_head(id)).await?
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let end = self.end();
        self.read(&end, end.store.wait_for_change(watched, max))
            .await?
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        let end = self.end();
        self.read(&end, end.store.maintain(budget)).await?
    }

    async fn close(&self) {
        self.store().close().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        &**self.fork.get().unwrap_or(&self.first)
    }
}
