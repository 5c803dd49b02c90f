//! The runtime: its start, its end, and what can be asked of it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::committer::{self, Requests};
use super::dispatcher;
use super::lease_keeper::LeaseTimes;
use super::node::{Alarms, Node, NodeParts};
use super::observability::{MetricsSnapshot, init_logging};
use super::options::RuntimeOptions;
use super::registry::{ActivityRegistry, OrchestrationRegistry};
use crate::client::{Client, ClientError};
use crate::clock::{Clock, SystemClock};
use crate::message::CoreState;
use crate::providers::{InstanceId, Provider};

/// How long `shutdown(None)` waits for work in flight.
const SHUTDOWN_MS_DEFAULT: u64 = 1_000;

/// How much time one call of [`Provider::maintain`] gets, and how often it is called where the
/// store does not say.
const MAINTENANCE_BUDGET: Duration = Duration::from_millis(50);
const MAINTENANCE_PAUSE: Duration = Duration::from_secs(60);

/// Runs orchestrations and activities.
///
/// Claims, commits and lease renewals run on a thread of its own; the user's code runs on the
/// executor that the runtime was started on. Orchestrations run on threads of the runtime's own
/// where that executor has a single thread, and once one of them was seen to block its thread. User
/// code that does not yield so delays only itself.
#[derive(Debug)]
pub struct Runtime {
    node: Arc<Node>,
    client: Client,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Dropping it ends the runtime's thread.
    running: Mutex<Option<oneshot::Sender<()>>>,
}

/// What an instance runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrchestrationDescriptor {
    /// The orchestration's name.
    pub name: String,
    /// Its version; empty until the first turn has resolved it.
    pub version: String,
    /// The instance that waits for it, if it is a child.
    pub parent_instance: Option<String>,
    /// The event of the parent that scheduled it.
    pub parent_id: Option<u64>,
}

impl Runtime {
    /// Starts a runtime with the default options.
    ///
    /// # Panics
    /// If it is not called on a Tokio runtime, or if the system refuses a thread.
    pub async fn start_with_store(
        history_store: Arc<dyn Provider>,
        activity_registry: Arc<ActivityRegistry>,
        orchestration_registry: OrchestrationRegistry,
    ) -> Arc<Self> {
        let options = RuntimeOptions::default();
        Self::start_with_options(
            history_store,
            activity_registry,
            orchestration_registry,
            options,
        )
        .await
    }

    /// Starts a runtime.
    ///
    /// # Panics
    /// If it is not called on a Tokio runtime, or if the system refuses a thread.
    #[expect(
        clippy::unused_async,
        reason = "programs await it, and a later one may have to wait"
    )]
    #[expect(
        clippy::expect_used,
        reason = "documented, and there is nobody to answer to"
    )]
    pub async fn start_with_options(
        history_store: Arc<dyn Provider>,
        activity_registry: Arc<ActivityRegistry>,
        orchestration_registry: OrchestrationRegistry,
        options: RuntimeOptions,
    ) -> Arc<Self> {
        init_logging(&options.observability);
        let (committer, requests) = committer::channel();
        let client = Client::with_clock(Arc::clone(&history_store), Arc::clone(&options.clock));
        let (node, alarms) = Node::new(NodeParts {
            store: history_store,
            activities: activity_registry,
            orchestrations: orchestration_registry,
            options,
            committer,
            user: Handle::current(),
        });
        let (running, stop) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("duroxide-runtime".to_owned())
            .spawn({
                let node = Arc::clone(&node);
                move || serve(&node, requests, alarms, stop)
            })
            .expect("the system gives a thread");
        Arc::new(Self {
            node,
            client,
            thread: Mutex::new(Some(thread)),
            running: Mutex::new(Some(running)),
        })
    }

    /// Ends the runtime: claims nothing more, waits until the work in flight is done, at most this
    /// many milliseconds (1,000 if none are given), and gives the rest back to the store. It
    /// returns as soon as that is done, and nothing that the runtime started runs on.
    pub async fn shutdown(self: Arc<Self>, timeout_ms: Option<u64>) {
        let node = &self.node;
        node.stopping.cancel();
        let patience = Duration::from_millis(timeout_ms.unwrap_or(SHUTDOWN_MS_DEFAULT));
        if !patience.is_zero() {
            let drained = async {
                node.turn_slots.drained().await;
                node.activity_slots.drained().await;
            };
            // This is about the caller's patience, so real time counts whatever the clock shows.
            tokio::select! {
                biased;
                () = drained => {}
                () = SystemClock.sleep(patience) => {}
            }
        }
        // What is held is read before the tasks end: each task's guard takes its own out.
        let releases = node.leases.take_releases();
        node.abort_tasks().await;
        node.executor.stop();
        if !releases.is_empty() {
            for result in node.store.release(releases).await {
                if let Err(error) = result {
                    tracing::debug!(target: "duroxide::runtime", %error, "a lease was not released");
                }
            }
        }
        let gone = node.warm.lock().clear();
        drop(gone);
        self.stop_thread().await;
    }

    async fn stop_thread(&self) {
        drop(self.running.lock().take());
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // The thread ends within its current call; waiting for it must not block the executor.
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!(target: "duroxide::runtime", "the runtime's thread has panicked");
            }
        }
    }

    /// Raises an event for an instance; the same as [`Client::raise_event`].
    ///
    /// # Errors
    /// As [`Client::raise_event`].
    pub async fn raise_event(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.client.raise_event(instance, event_name, data).await
    }

    /// What this runtime has done so far, if [`metrics_enabled`] is set.
    ///
    /// [`metrics_enabled`]: super::ObservabilityConfig::metrics_enabled
    #[must_use]
    pub fn metrics_snapshot(&self) -> Option<MetricsSnapshot> {
        let enabled = self.node.options.observability.metrics_enabled;
        enabled.then(|| self.node.metrics.snapshot())
    }

    /// What an instance runs; `None` if there is no such instance, or it cannot be read.
    pub async fn get_orchestration_descriptor(
        &self,
        instance: &str,
    ) -> Option<OrchestrationDescriptor> {
        let id = InstanceId::new(instance).ok()?;
        let head = self.node.store.read_head(&id).await.ok()??;
        let parent = CoreState::decode(&head.core_state).ok()?.parent;
        Some(OrchestrationDescriptor {
            name: head.orchestration,
            version: head.version.unwrap_or_default(),
            parent_instance: parent
                .as_ref()
                .map(|parent| parent.instance.as_str().to_owned()),
            parent_id: parent.map(|parent| parent.event_id),
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Without a shutdown the thread ends by itself, and the leases pass.
        self.node.stopping.cancel();
    }
}

/// The runtime's own thread.
fn serve(node: &Arc<Node>, requests: Requests, alarms: Alarms, stop: oneshot::Receiver<()>) {
    let executor = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(executor) => executor,
        Err(error) => {
            tracing::error!(target: "duroxide::runtime", %error, "the runtime cannot start");
            return;
        }
    };
    let options = &node.options;
    let times = LeaseTimes {
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
    };
    executor.block_on(async {
        let leases = Arc::clone(&node.leases);
        // None of these ends by itself while the runtime is up; the stop ends them all.
        tokio::select! {
            _ = stop => {}
            () = committer::run(Arc::clone(&node.store), requests) => {}
            () = leases.run(&*node.store, &*node.clock, times) => {}
            () = maintain(node) => {}
            () = node.answer_alarms(alarms) => {}
            () = node.watch.run(node) => {}
            () = node.timeouts.run(node) => {}
            () = async {
                dispatcher::run(Arc::clone(node)).await;
                std::future::pending().await
            } => {}
        }
    });
}

async fn maintain(node: &Node) {
    loop {
        let next_due = match node.store.maintain(MAINTENANCE_BUDGET).await {
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
