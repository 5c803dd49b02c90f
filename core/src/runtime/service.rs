//! The runtime's own thread: what it serves, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use super::committer::{self, Requests};
use super::dispatcher;
use super::lease_keeper::LeaseTimes;
use super::node::{Alarms, Node};
use super::options::RuntimeOptions;
use crate::cancel_token::CancelToken;
use crate::clock::{Clock, SystemClock};

/// How much time one call of [`Provider::maintain`] gets, and how often it is called where the
/// store does not say.
///
/// [`Provider::maintain`]: crate::providers::Provider::maintain
const MAINTENANCE_BUDGET: Duration = Duration::from_millis(50);
const MAINTENANCE_PAUSE: Duration = Duration::from_secs(60);

/// How long a shutdown waits for a store that does not answer, whatever its own patience.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// Raises its flag when it is dropped.
struct RaisedByDrop(CancelToken);

impl Drop for RaisedByDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A flag that is raised when the executor is shut down on which the user's code runs. What watches
/// it ends with the runtime.
pub(super) fn sentinel(user: &Handle, ended: CancelToken) -> CancelToken {
    let orphaned = CancelToken::default();
    let raised = RaisedByDrop(orphaned.clone());
    user.spawn(async move {
        ended.cancelled().await;
        drop(raised);
    });
    orphaned
}

/// The executor of the thread.
pub(super) fn executor() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// What the thread is given.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) executor: Runtime,
    pub(super) node: Arc<Node>,
    pub(super) requests: Requests,
    pub(super) alarms: Alarms,
    /// Brings the patience of a shutdown.
    pub(super) stopped: oneshot::Receiver<Duration>,
    /// The user's executor is gone.
    pub(super) orphaned: CancelToken,
    /// To be raised at the end.
    pub(super) ended: CancelToken,
}

impl Service {
    /// Serves until the runtime is shut down, or its executor is.
    pub(super) fn run(self) {
        let Self {
            executor,
            node,
            requests,
            alarms,
            stopped,
            orphaned,
            ended,
        } = self;
        let _ended = RaisedByDrop(ended);
        executor.block_on(async {
            let mut tasks = start(&node, alarms, (stopped, orphaned));
            // No task of its own: it is woken for every turn, and costs the least here.
            let commits = async {
                committer::run(Arc::clone(&node.store), requests).await;
                std::future::pending().await
            };
            tokio::select! {
                biased;
                () = commits => {}
                () = until_stopped(&mut tasks) => {}
            }
        });
    }
}

/// What the tasks of the runtime's own thread come to.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// One of them has nothing left to do.
    Task,
    /// The runtime has stopped.
    Runtime,
}

/// Starts what the runtime's own thread does, in tasks of their own, so that what wakes one of them
/// does not have all of them polled.
fn start(
    node: &Arc<Node>,
    alarms: Alarms,
    (stopped, orphaned): (oneshot::Receiver<Duration>, CancelToken),
) -> JoinSet<Ended> {
    let mut tasks = JoinSet::new();
    let mut spawn = |work: BoxFuture<'static, ()>| {
        tasks.spawn(async move {
            work.await;
            Ended::Task
        });
    };
    let dispatched = CancelToken::default();
    let (it, done) = (Arc::clone(node), dispatched.clone());
    spawn(Box::pin(async move {
        dispatcher::run(&it).await;
        done.cancel();
    }));
    let it = Arc::clone(node);
    spawn(Box::pin(async move { renew(&it).await }));
    let it = Arc::clone(node);
    spawn(Box::pin(async move { maintain(&it).await }));
    let it = Arc::clone(node);
    spawn(Box::pin(async move { it.answer_alarms(alarms).await }));
    let it = Arc::clone(node);
    spawn(Box::pin(async move { it.watch.run(&it).await }));
    let it = Arc::clone(node);
    spawn(Box::pin(async move { it.timeouts.run(&it).await }));
    let it = Arc::clone(node);
    tasks.spawn(async move {
        let patience = tokio::select! {
            Ok(patience) = stopped => patience,
            () = orphaned.cancelled() => Duration::ZERO,
        };
        leave(&it, patience, &dispatched).await;
        Ended::Runtime
    });
    tasks
}

/// Ends when the runtime has stopped, and panics with any of its tasks.
async fn until_stopped(tasks: &mut JoinSet<Ended>) {
    while let Some(ended) = tasks.join_next().await {
        match ended.map_err(JoinError::try_into_panic) {
            Ok(Ended::Runtime) => return,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Ok(Ended::Task) | Err(Err(_)) => {}
        }
    }
}

async fn renew(node: &Node) {
    let times = lease_times(&node.options);
    node.leases
        .run(&*node.store, &*node.clock, &node.health, times)
        .await;
}

fn lease_times(options: &RuntimeOptions) -> LeaseTimes {
    LeaseTimes {
        turn: options.orchestrator_lock_timeout,
        activity: options.worker_lock_timeout,
        turn_renewal: RuntimeOptions::renewal_interval(
            options.orchestrator_lock_timeout,
            options.orchestrator_lock_renewal_buffer,
        ),
        activity_renewal: RuntimeOptions::renewal_interval(
            options.worker_lock_timeout,
            options.worker_lock_renewal_buffer,
        ),
    }
}

/// Ends what runs and gives back what is held. All of this is about the caller's patience, so real
/// time counts whatever the clock shows.
async fn leave(node: &Node, patience: Duration, dispatched: &CancelToken) {
    node.stop();
    if !patience.is_zero() {
        tokio::select! {
            biased;
            () = node.drained() => {}
            () = SystemClock.sleep(patience) => {}
        }
    }
    node.abort_tasks().await;
    node.turns.stop();
    // Whatever is under way may still bring leases: a claim by its answer, and a commit by those of
    // the activities that it starts. What is held is looked at when nothing more can come.
    let settled = async {
        dispatched.cancelled().await;
        node.committer.close().await;
    };
    let given_back = node.leases.release_everything(&*node.store, &SystemClock);
    for what in [
        within_patience(settled).await,
        within_patience(given_back).await,
    ] {
        if what.is_none() {
            tracing::error!(
                target: "duroxide::runtime",
                "the store does not answer; what this runtime holds rests until its leases pass"
            );
        }
    }
}

async fn within_patience<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = SystemClock.sleep(STORE_PATIENCE) => None,
    }
}

async fn maintain(node: &Node) {
    loop {
        let maintained = node.store.maintain(MAINTENANCE_BUDGET).await;
        node.health.note("maintain", &maintained, &*node.clock);
        let next_due = match maintained {
            Ok(next_due) => next_due,
            Err(error) => {
                tracing::warn!(target: "duroxide::runtime", %error, "maintenance failed");
                None
            }
        };
        node.clock
            .sleep(next_due.unwrap_or(MAINTENANCE_PAUSE))
            .await;
    }
}
