//! What the tasks of one runtime share.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::activity_slots::ActivitySlots;
use super::activity_worker;
use super::attempts::Attempts;
use super::committer::Committer;
use super::give_back::GiveBacks;
use super::health::{HealthRecord, is_fault};
use super::lease_keeper::{LeaseGuard, LeaseKeeper};
use super::observability::Metrics;
use super::options::RuntimeOptions;
use super::registry::{ActivityRegistry, OrchestrationRegistry};
use super::rotation::Rotation;
use super::served_queues::ServedQueues;
use super::slots::{Slot, Slots};
use super::turn::{self, FirstPage, Occasion};
use super::warm::{Kept, Warm, WarmInstances};
use super::watch::{ActivityTimeouts, RunningTurn, TurnExecutor, TurnWatch, WatchedTurn, Work};
use super::worker_id;
use crate::cancel_token::CancelToken;
use crate::clock::{Clock, SystemClock};
use crate::entropy::Entropy;
use crate::message::MessageBody;
use crate::providers::{
    ActivityKey, ClaimedActivity, Commit, Committed, Envelope, ErrorKind, Incarnation,
    InstanceHead, InstanceId, Lease, Limits, Provider, ProviderError, Recipient, Release, Turn,
};
use crate::replay::Alarm;

/// The pauses between attempts to commit while the store cannot be reached.
const COMMIT_BACKOFF_MIN: Duration = Duration::from_millis(20);
const COMMIT_BACKOFF_MAX: Duration = Duration::from_secs(1);

/// How often an outcome is tried again for a fault that does not pass by itself, one second apart, so
/// that there is time to mend it. After that its activity is left to another node.
const OUTCOME_TRIES_MAX: u32 = 600;

/// How long a turn waits for the engine that the one before is about to keep. The acknowledgement of
/// that one's commit is on its way; only code that blocks all threads of an executor holds it up.
const WARM_WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a shutdown waits for aborted tasks to yield.
const ABORT_PATIENCE: Duration = Duration::from_secs(1);

/// One runtime, as its tasks see it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) store: Arc<dyn Provider>,
    pub(super) limits: Limits,
    pub(super) activities: Arc<ActivityRegistry>,
    pub(super) orchestrations: OrchestrationRegistry,
    pub(super) options: RuntimeOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Entropy,
    pub(super) metrics: Metrics,
    pub(super) health: HealthRecord,
    pub(super) give_backs: GiveBacks,
    /// Something was passed on: the next claim comes a moment later, so that others come first.
    pub(super) claims_paused: AtomicBool,
    /// When that was so last, in milliseconds since the Unix epoch.
    pub(super) claims_paused_ms: AtomicU64,
    pub(super) committer: Committer,
    pub(super) leases: Arc<LeaseKeeper>,
    pub(super) attempts: Arc<Attempts>,
    pub(super) warm: Mutex<WarmInstances>,
    pub(super) turn_slots: Slots,
    pub(super) activity_slots: ActivitySlots,
    /// The queues of turns that it serves.
    pub(super) turn_queues: Rotation,
    /// Set once the runtime is to stop.
    pub(super) stopping: CancelToken,
    pub(super) worker_id: String,
    /// Where turns run.
    pub(super) turns: TurnExecutor,
    /// Where activities run.
    user: Handle,
    /// The executor of the runtime's own thread.
    service: Handle,
    pub(super) watch: TurnWatch,
    pub(super) timeouts: ActivityTimeouts,
    /// `None` once they were aborted: no others come.
    tasks: Mutex<Option<JoinSet<()>>>,
    alarms: mpsc::UnboundedSender<(InstanceId, Incarnation)>,
}

/// The instances that something has interfered with.
pub(super) type Alarms = mpsc::UnboundedReceiver<(InstanceId, Incarnation)>;

/// What a new node is made of.
#[derive(Debug)]
pub(super) struct NodeParts {
    pub(super) store: Arc<dyn Provider>,
    pub(super) activities: Arc<ActivityRegistry>,
    pub(super) orchestrations: OrchestrationRegistry,
    pub(super) options: RuntimeOptions,
    pub(super) queues: ServedQueues,
    pub(super) committer: Committer,
    pub(super) user: Handle,
    pub(super) service: Handle,
}

/// A commit that has not succeeded.
#[derive(Debug)]
pub(super) struct Uncommitted {
    /// What the last try came to.
    pub(super) error: ProviderError,
    /// Of one of the tries nobody knows whether it happened.
    pub(super) may_have_happened: bool,
}

impl Node {
    pub(super) fn new(parts: NodeParts) -> (Arc<Self>, Alarms) {
        let NodeParts {
            store,
            activities,
            orchestrations,
            options,
            queues,
            committer,
            user,
            service,
        } = parts;
        let entropy = Entropy;
        let warm = WarmInstances::new(options.warm_instances_max, options.warm_bytes_max);
        let (alarms, alarmed) = mpsc::unbounded_channel();
        let attempts = Arc::new(Attempts::new(options.max_attempts));
        let node = Arc::new(Self {
            limits: store.capabilities().limits,
            store,
            activities,
            orchestrations,
            clock: Arc::clone(&options.clock),
            entropy,
            metrics: Metrics::default(),
            health: HealthRecord::default(),
            give_backs: GiveBacks::default(),
            claims_paused: AtomicBool::new(false),
            claims_paused_ms: AtomicU64::new(0),
            committer,
            leases: Arc::new(LeaseKeeper::new(Arc::clone(&attempts))),
            attempts,
            warm: Mutex::new(warm),
            turn_slots: Slots::new(options.orchestration_concurrency),
            activity_slots: ActivitySlots::new(queues.activities),
            turn_queues: Rotation::new(queues.turns),
            stopping: CancelToken::default(),
            worker_id: worker_id::of_node(options.worker_node_id.as_deref(), entropy),
            turns: TurnExecutor::new(user.clone()),
            user,
            service,
            watch: TurnWatch::default(),
            timeouts: ActivityTimeouts::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
            alarms,
            options,
        });
        (node, alarmed)
    }

    /// Starts tasks. What they work on is held by leases of their own, so that what comes too late
    /// to run is given back.
    fn with_tasks(&self, start: impl FnOnce(&mut JoinSet<()>)) {
        let mut tasks = self.tasks.lock();
        let Some(running) = tasks.as_mut() else {
            drop(tasks);
            drop(start);
            return;
        };
        while running.try_join_next().is_some() {}
        start(running);
    }

    /// The slots of every kind.
    pub(super) fn all_slots(&self) -> impl Iterator<Item = &Slots> {
        std::iter::once(&self.turn_slots).chain(self.activity_slots.each())
    }

    /// Does something on the runtime's own thread that nobody waits for.
    pub(super) fn do_on_service(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.with_tasks(|tasks| {
            tasks.spawn_on(work, &self.service);
        });
    }

    /// Runs a leased turn. If its code must be replayed, the history is read first, on the runtime's
    /// own thread: a turn that reads it itself changes threads twice for it.
    pub(super) fn start_turn(self: &Arc<Self>, claimed: Turn, held: LeaseGuard, slot: Slot) {
        if !turn::is_cold(self, &claimed.head) {
            return self.run_turn(claimed, None, (held, slot));
        }
        let node = Arc::clone(self);
        let reading = async move {
            let first_page = turn::read_ahead(&node, &claimed.head).await;
            node.run_turn(claimed, Some(first_page), (held, slot));
        };
        self.do_on_service(reading);
    }

    fn run_turn(
        self: &Arc<Self>,
        claimed: Turn,
        first_page: Option<FirstPage>,
        (held, slot): (LeaseGuard, Slot),
    ) {
        let running = RunningTurn::claimed(&claimed, slot);
        // In a box, since it is large and is handed through several futures.
        let work: Work = Box::pin(turn::run(
            Arc::clone(self),
            Occasion::claimed(claimed, first_page),
            held,
            Arc::clone(&running),
        ));
        let turn = WatchedTurn::new(Arc::clone(self), running, work);
        self.with_tasks(|tasks| self.turns.spawn(tasks, turn));
    }

    /// See [`TurnExecutor::spawn_elsewhere`].
    pub(super) fn spawn_turn_elsewhere(&self, turn: impl Future<Output = ()> + Send + 'static) {
        self.with_tasks(|tasks| self.turns.spawn_elsewhere(tasks, turn));
    }

    /// See [`TurnExecutor::go_on`].
    pub(super) fn go_on(&self, blocked_since: &[Duration], now: Duration) {
        self.with_tasks(|tasks| self.turns.go_on(tasks, blocked_since, now));
    }

    /// Makes a call on the runtime's own thread, which no user's code blocks. Turns wait for nothing
    /// else: a socket or a timer of the executor that they are on would stand still with its
    /// threads. `None` if the runtime has ended.
    pub(super) async fn on_service<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        match self.service.spawn(call).await {
            Ok(answer) => Some(answer),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        }
    }

    /// Holds the lease of an activity and runs it. The lease is held before the task exists, so
    /// that a task that is aborted before its first poll gives it back all the same.
    pub(super) fn start_activity(self: &Arc<Self>, claimed: ClaimedActivity, slot: Slot) {
        let lease = Lease::Activity(claimed.lease.clone());
        let held = self.leases.hold(lease, claimed.attempt);
        self.run_activity(claimed, held, slot);
    }

    /// Runs a leased activity, which shares its executor with others by its cooperative budget.
    pub(super) fn run_activity(
        self: &Arc<Self>,
        claimed: ClaimedActivity,
        held: LeaseGuard,
        slot: Slot,
    ) {
        // In a box, since it is large and is handed through several futures.
        let work = Box::pin(activity_worker::run(Arc::clone(self), claimed, held, slot));
        self.with_tasks(|tasks| {
            tasks.spawn_on(work, &self.user);
        });
    }

    /// Takes on no more work: what is claimed from now on is given back.
    pub(super) fn stop(&self) {
        self.turn_slots.close();
        self.activity_slots.close();
        self.stopping.cancel();
    }

    /// Ends when nothing is being worked on, if the node takes on no more work.
    pub(super) async fn drained(&self) {
        self.turn_slots.drained().await;
        self.activity_slots.drained().await;
    }

    /// Ends all tasks where they stand, and waits until they have ended; none is started from then
    /// on. A task that blocks its thread cannot be ended; it is left to its executor after a while.
    pub(super) async fn abort_tasks(&self) {
        let Some(mut tasks) = self.tasks.lock().take() else {
            return;
        };
        tokio::select! {
            biased;
            () = tasks.shutdown() => {}
            () = SystemClock.sleep(ABORT_PATIENCE) => {
                tracing::error!(
                    target: "duroxide::runtime",
                    "user code blocks its thread and cannot be ended; await instead of blocking"
                );
            }
        }
    }

    /// The instance's engine, if it can go on from where the head stands. One that is kept in a moment
    /// is waited for, since that is sooner than a replay.
    pub(super) async fn warm(&self, head: &InstanceHead) -> Option<Kept> {
        let on_its_way = self.warm.lock().wait_for(head);
        if let Some(kept) = on_its_way {
            let patience = self.service.spawn(self.clock.sleep(WARM_WAIT_MAX));
            let sleeping = patience.abort_handle();
            tokio::select! {
                biased;
                // It is told by the end of the channel.
                _ = kept => {}
                _ = patience => {}
            }
            sleeping.abort();
        }
        self.take_warm(head)
    }

    fn take_warm(&self, head: &InstanceHead) -> Option<Kept> {
        // Dropping a stale engine runs the user's code, which must not happen under the lock.
        let (kept, stale) = self.warm.lock().take(head);
        drop(stale);
        kept
    }

    /// The engine of an activity's instance, if it waits for nothing but this activity.
    pub(super) fn take_warm_waiting_for(&self, activity: &ActivityKey) -> Option<Box<Warm>> {
        self.warm.lock().take_waiting_for(activity)
    }

    /// Commits, and tries again as long as the store cannot be reached: the same commit with the
    /// same id is safe to repeat (IDM-01), and is refused once the lease has passed.
    pub(super) async fn commit(&self, operation: &Commit) -> Result<Committed, ProviderError> {
        let committed = self.commit_reservations(operation).await;
        committed.map_err(|uncommitted| uncommitted.error)
    }

    /// The same for a commit that reserves activities, whose leases are to be given back if one of
    /// its tries may have granted them.
    pub(super) async fn commit_reservations(
        &self,
        operation: &Commit,
    ) -> Result<Committed, Uncommitted> {
        self.commit_while(operation, ProviderError::is_retryable)
            .await
    }

    /// Commits, and tries again whatever the store's fault is, as long as the lease is held: what an
    /// activity did is not done again because a password was changed.
    pub(super) async fn commit_outcome(
        &self,
        operation: &Commit,
        is_held: impl Fn() -> bool + Send + Sync,
    ) -> Result<Committed, ProviderError> {
        let mut lasting = 0;
        self.commit_while(operation, |error| {
            if !is_held() {
                return false;
            }
            // A fault of this one row would keep its slot for ever.
            lasting += u32::from(!error.is_retryable());
            error.is_retryable() || is_fault(error) && lasting <= OUTCOME_TRIES_MAX
        })
        .await
        .map_err(|uncommitted| uncommitted.error)
    }

    async fn commit_while(
        &self,
        operation: &Commit,
        mut may_pass: impl FnMut(&ProviderError) -> bool + Send,
    ) -> Result<Committed, Uncommitted> {
        let mut pause = COMMIT_BACKOFF_MIN;
        let mut may_have_happened = false;
        loop {
            let error = match self.try_commit(operation).await {
                Ok(committed) => return Ok(committed),
                Err(error) => error,
            };
            may_have_happened |= error.kind() == ErrorKind::CommitUnknown;
            if !may_pass(&error) {
                return Err(Uncommitted {
                    error,
                    may_have_happened,
                });
            }
            // Whoever waits for it is aborted when the runtime runs out of patience.
            tracing::warn!(target: "duroxide::runtime", %error, "a commit is tried again");
            let (clock, jittered) = (Arc::clone(&self.clock), self.entropy.jittered(pause));
            let slept = Box::pin(self.on_service(async move { clock.sleep(jittered).await }));
            if slept.await.is_none() {
                return Err(Uncommitted {
                    error,
                    may_have_happened,
                });
            }
            pause = (pause * 2).min(COMMIT_BACKOFF_MAX);
        }
    }

    /// Commits once. What is refused for its content is sent once more by itself, so that no
    /// instance answers for another one's part of a batch.
    async fn try_commit(&self, operation: &Commit) -> Result<Committed, ProviderError> {
        let mut result = self.committer.commit(operation.clone()).await;
        if result.as_ref().is_err_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::LimitExceeded
            )
        }) {
            result = self.committer.commit_alone(operation.clone()).await;
        }
        self.health.note("commit", &result, &*self.clock);
        result
    }

    /// What to do when something outside interferes with an instance's code: have a turn look at
    /// it, since nothing else may ever come that would.
    pub(super) fn alarm(&self, instance: &InstanceId, incarnation: Incarnation) -> Alarm {
        let alarms = self.alarms.clone();
        let instance = instance.clone();
        Box::new(move || {
            // Without a runtime there is nobody to look; the next one replays.
            alarms.send((instance.clone(), incarnation)).ok();
        })
    }

    /// Sends the turns that alarms ask for, for ever.
    pub(super) async fn answer_alarms(&self, mut alarms: Alarms) {
        while let Some((instance, incarnation)) = alarms.recv().await {
            let nudge = Envelope {
                recipient: Recipient::Instance {
                    instance,
                    incarnation: Some(incarnation),
                },
                delay: Duration::ZERO,
                message: MessageBody::Nudge { notice: None }
                    .into_message(self.entropy.message_id(), None),
            };
            if let Err(error) = self.commit(&Commit::Send(nudge)).await {
                tracing::debug!(target: "duroxide::runtime", %error, "an alarm was not answered");
            }
        }
    }

    /// Gives a lease back. If that fails, it comes back by expiry.
    pub(super) async fn release(&self, release: Release) {
        self.release_all(vec![release]).await;
    }

    /// Gives leases back with one call, and answers for each whether that is done.
    pub(super) async fn release_all(&self, releases: Vec<Release>) -> Vec<bool> {
        if releases.is_empty() {
            return Vec::new();
        }
        let (store, all) = (Arc::clone(&self.store), releases.len());
        let released = self.on_service(async move { store.release(releases).await });
        let Some(results) = released.await else {
            return vec![false; all];
        };
        for result in &results {
            self.health.note("release", result, &*self.clock);
            if let Err(error) = result {
                tracing::debug!(target: "duroxide::runtime", %error, "a lease was not released");
            }
        }
        results.iter().map(Result::is_ok).collect()
    }
}
