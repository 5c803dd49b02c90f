//! The provider itself: a lock around the state and its file.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide::clock::Clock;
use duroxide::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    Durability, ErrorKind, HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage,
    Provider, ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail,
    ReadValues, Release, Renew, Renewal, Turn, Watch, check, refusal,
};
use tokio::sync::{Mutex, watch};

use crate::log::Log;
use crate::options::FileOptions;
use crate::state::{Instance, State};

/// How many instances one call of `maintain` removes: nobody waits long behind it.
const EXPIRED_MAX: usize = 256;

/// A provider that keeps everything in memory and in one file.
///
/// The whole state must fit into memory, and every operation that changes something waits for the
/// disk, one after another. That is what the simplicity costs.
#[derive(Debug)]
pub(crate) struct FileProvider {
    /// None once it is closed, or cannot be trusted any more.
    store: Arc<Mutex<Option<Store>>>,
    /// Tells waiters to look again, after every change.
    pub(crate) wakes: watch::Sender<()>,
    pub(crate) options: FileOptions,
}

#[derive(Debug)]
struct Store {
    state: State,
    log: Log,
}

impl Store {
    /// Reads the file and ends the leases that the last process left.
    fn open(path: &Path, clock: &dyn Clock) -> Result<Self, ProviderError> {
        let (locked, changes) = Log::read(path)?;
        let mut state = State::default();
        for change in changes {
            state.apply(change);
        }
        state.now_ms = clock.now_ms();
        state.end_all_leases();
        state.unsaved.clear();
        let log = locked.begin(&state.snapshot())?;
        Ok(Self { state, log })
    }

    /// Puts what was changed into the file, as one record: after a crash it is there as a whole or
    /// not at all (COM-01, DUR-01). Answers whether there was anything.
    fn save(&mut self) -> io::Result<bool> {
        let changes = std::mem::take(&mut self.state.unsaved);
        if changes.is_empty() {
            return Ok(false);
        }
        self.log.append(&changes)?;
        Ok(true)
    }
}

/// Why an operation was not done.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// The provider is closed, and nothing was changed.
    Closed,
    /// The disk or a bug was in the way, and what was changed may be in the file or not.
    Unknown(Arc<dyn std::error::Error + Send + Sync>),
}

impl Stop {
    pub(crate) fn error(self, operation: &'static str) -> ProviderError {
        match self {
            Self::Closed => refusal::closed(operation),
            Self::Unknown(cause) => ProviderError::new(
                ErrorKind::CommitUnknown,
                operation,
                "the file may hold the changes or not; open it again and repeat the operation",
            )
            .with_source(cause),
        }
    }

    /// The same error for each member of a batch.
    fn errors<T>(self, operation: &'static str, members: usize) -> Vec<Result<T, ProviderError>> {
        let error = || Err(self.clone().error(operation));
        std::iter::repeat_with(error).take(members).collect()
    }
}

impl FileProvider {
    /// Opens the file, or makes it. One provider at a time can have it open.
    ///
    /// # Errors
    /// `Config` if another provider has it or it cannot be used, `Corrupt` if it is damaged.
    pub(crate) async fn open(path: &Path, options: FileOptions) -> Result<Self, ProviderError> {
        let (path, clock) = (path.to_owned(), Arc::clone(&options.clock));
        let opened = tokio::task::spawn_blocking(move || Store::open(&path, &*clock)).await;
        let store = opened.map_err(|error| Stop::Unknown(Arc::new(error)).error("open"))??;
        Ok(Self {
            store: Arc::new(Mutex::new(Some(store))),
            wakes: watch::Sender::default(),
            options,
        })
    }

    /// Does a job alone and in its turn (CON-01), on a thread that may wait for the disk. Once
    /// begun it is done to its end, even if nobody waits for the answer any more (CXL-01).
    ///
    /// The store is taken out meanwhile: a job that fails or panics half-way leaves a closed
    /// provider behind, and never a state that differs from the file.
    async fn alone<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Stop> {
        let mut place = Arc::clone(&self.store).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let mut store = place.take().ok_or(Stop::Closed)?;
            let done = job(&mut store).map_err(|error| Stop::Unknown(Arc::new(error)))?;
            *place = Some(store);
            Ok(done)
        });
        done.await
            .unwrap_or_else(|error| Err(Stop::Unknown(Arc::new(error))))
    }

    /// Does one operation, at its time, and answers when what it changed is on the disk.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, Stop> {
        let (clock, wakes) = (Arc::clone(&self.options.clock), self.wakes.clone());
        let job = move |store: &mut Store| {
            store.state.now_ms = store.state.now_ms.max(clock.now_ms());
            let answer = operation(&mut store.state);
            if store.save()? {
                wakes.send_replace(());
            }
            Ok(answer)
        };
        self.alone(job).await
    }

    /// [`run`](Self::run) for an operation with one answer.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, ProviderError> {
        self.run(operation).await.map_err(|stop| stop.error(name))
    }
}

#[async_trait]
impl Provider for FileProvider {
    fn about(&self) -> ProviderInfo {
        ProviderInfo {
            name: "file",
            version: env!("CARGO_PKG_VERSION"),
            backend: "one file, format 1".to_owned(),
            contract: ProviderInfo::CONTRACT,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::volatile();
        // Each record is synchronised with the disk before its operation is answered.
        capabilities.durability = Durability::PowerLoss;
        // Whoever lists looks at the labels, which come with each instance.
        capabilities.label_filters = false;
        capabilities.limits = self.options.limits;
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let request = request.clone();
        let claim = move |state: &mut State| state.claim_turns(&request);
        self.call("claim_turns", claim).await?
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let request = request.clone();
        let claim = move |state: &mut State| state.claim_activities(&request);
        self.call("claim_activities", claim).await?
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        self.wait_until_claimable(queues, max_wait).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let (limits, members) = (self.options.limits, operations.len());
        self.run(move |state| state.commit(&limits, operations))
            .await
            .unwrap_or_else(|stop| stop.errors("commit", members))
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        let (leases, members) = (leases.to_vec(), leases.len());
        self.run(move |state| {
            let refusals = check::renewals(&leases);
            let accepted = refusals.accepted(leases);
            let answers = accepted.map(|renew| Ok(state.renew(renew, extend_by)));
            let answers = answers.collect();
            refusals.answers(answers)
        })
        .await
        .unwrap_or_else(|stop| stop.errors("renew", members))
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let members = releases.len();
        self.run(move |state| {
            let refusals = check::releases(&releases);
            let accepted = refusals.accepted(releases);
            let answers = accepted.map(|release| state.release(release)).collect();
            refusals.answers(answers)
        })
        .await
        .unwrap_or_else(|stop| stop.errors("release", members))
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let request = request.clone();
        let read = move |state: &mut State| state.read_history(&request);
        self.call("read_history", read).await
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let request = request.clone();
        let read = move |state: &mut State| state.read_mail(&request);
        self.call("read_mail", read).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        let request = request.clone();
        let read = move |state: &mut State| state.read_values(&request);
        self.call("read_values", read).await
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let id = instance.clone();
        let read = move |state: &mut State| state.instances.get(&id).map(Instance::head_and_note);
        self.call("read_head", read).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.wait_until_changed(watched, max_wait).await
    }

    /// Removes values that have expired, and makes the file shorter when most of it is of the past. It
    /// takes as long as writing the whole state does, whatever the budget.
    async fn maintain(&self, _budget: Duration) -> Result<Option<Duration>, ProviderError> {
        let clock = Arc::clone(&self.options.clock);
        let compact = move |store: &mut Store| {
            store.state.now_ms = store.state.now_ms.max(clock.now_ms());
            store.state.remove_expired_values();
            let is_left = store.state.remove_expired_instances(EXPIRED_MAX);
            store.save()?;
            if store.log.is_worth_compacting() {
                store.log.compact(&store.state.snapshot())?;
            }
            Ok(is_left.then_some(Duration::ZERO))
        };
        let compacted = self.alone(compact).await;
        compacted.map_err(|stop| stop.error("maintain"))
    }

    async fn close(&self) {
        // The operations that came before are done by the time the lock is free.
        drop(self.store.lock().await.take());
        self.wakes.send_replace(());
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }
}
