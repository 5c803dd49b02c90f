//! The runtime: its start, its end, and what can be asked of it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::committer;
use super::health::Health;
use super::node::{Node, NodeParts};
use super::observability::{MetricsSnapshot, init_logging};
use super::options::RuntimeOptions;
use super::registry::{ActivityRegistry, OrchestrationRegistry};
use super::served_queues::ServedQueues;
use super::service::{self, Service};
use crate::cancel_token::CancelToken;
use crate::client::{Client, ClientError};
use crate::expiry;
use crate::message::CoreState;
use crate::providers::{InstanceId, Provider};
use crate::replay::panic_text;

/// How long `shutdown(None)` waits for work in flight.
const SHUTDOWN_MS_DEFAULT: u64 = 1_000;

/// Runs orchestrations and activities.
///
/// Claims, commits and lease renewals run on a thread of its own; the user's code runs on the
/// executor that the runtime was started on. Orchestrations leave a thread of it free, and run on
/// threads of the runtime's own where the others are taken, or where it has only one; so one that
/// does not yield delays only itself.
///
/// It works until [`shutdown`](Self::shutdown), or until that executor is shut down; that this
/// handle is dropped does not end it.
#[derive(Debug)]
pub struct Runtime {
    node: Arc<Node>,
    client: Client,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Ends the runtime's thread after so much patience.
    stop: Mutex<Option<oneshot::Sender<Duration>>>,
    /// Set once the thread has done its last.
    ended: CancelToken,
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
    /// If it is not called on a Tokio runtime, or if the system refuses it a thread or
    /// files.
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
    /// If it is not called on a Tokio runtime, if the system refuses it a thread or files, or if the
    /// options name too many queues, or one whose name is none, or let instances expire too early.
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
        let user = Handle::current();
        let executor = service::executor().expect("the system gives an event queue");
        let queues = ServedQueues::of(&options).unwrap_or_else(|reason| panic!("{reason}"));
        if let Err(reason) = expiry::checked(options.expire_after) {
            panic!("{reason}");
        }
        let (node, alarms) = Node::new(NodeParts {
            store: history_store,
            activities: activity_registry,
            orchestrations: orchestration_registry,
            options,
            queues,
            committer,
            user: user.clone(),
            service: executor.handle().clone(),
        });
        let (stop, stopped) = oneshot::channel();
        let ended = CancelToken::default();
        let service = Service {
            executor,
            node: Arc::clone(&node),
            requests,
            alarms,
            stopped,
            orphaned: service::sentinel(&user, ended.clone()),
            ended: ended.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("duroxide-runtime".to_owned())
            .spawn(move || service.run())
            .expect("the system gives a thread");
        Arc::new(Self {
            node,
            client,
            thread: Mutex::new(Some(thread)),
            stop: Mutex::new(Some(stop)),
            ended,
        })
    }

    /// Ends the runtime.
    ///
    /// From the call on it claims nothing more, and activities hear of it
    /// ([`ActivityContext::is_shutting_down`]). It waits until the turns and activities in flight
    /// are done, at most this many milliseconds (1,000 if none are given), and records what they
    /// come to. Then it ends the rest where they stand, at their next await, and gives everything
    /// it holds back to the store, whatever `timeout_ms` is: other runtimes, or the next one, go on
    /// with it at once. None of that counts as an attempt, but for the first run of an activity's
    /// code, so that [`ActivityContext::attempt`] says that there was one.
    ///
    /// It returns as soon as that is done; nothing that the runtime started runs on then, but for
    /// code that blocks its thread: that is waited for a second longer, and what it had in hand is
    /// given back all the same. A store that does not answer is given up after five seconds; what
    /// it does not take back rests until the leases have passed.
    ///
    /// A shutdown goes on if this future is dropped. A second call waits for the first one's end.
    /// A runtime that nobody shuts down ends with the executor it was started on, and then gives
    /// back what it can; that its handle is dropped does not end it.
    ///
    /// [`ActivityContext::is_shutting_down`]: crate::ActivityContext::is_shutting_down
    /// [`ActivityContext::attempt`]: crate::ActivityContext::attempt
    pub async fn shutdown(self: Arc<Self>, timeout_ms: Option<u64>) {
        let patience = Duration::from_millis(timeout_ms.unwrap_or(SHUTDOWN_MS_DEFAULT));
        self.node.stop();
        if let Some(stop) = self.stop.lock().take() {
            stop.send(patience).ok();
        }
        self.ended.cancelled().await;
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // It has nothing left to do, but joining it must not block the executor all the same.
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            // An executor that ends meanwhile joins nothing, which says nothing of the thread.
            if let Ok(Err(panic)) = joined {
                let panic = panic_text(&*panic);
                tracing::error!(target: "duroxide::runtime", %panic, "the runtime's thread has panicked");
            }
        }
        let gone = self.node.warm.lock().clear();
        drop(gone);
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

    /// How this runtime stands at present: what of the store fails, as far as it has noticed, what it
    /// holds back so that something runs alone, and whose code blocks a thread; each with since when.
    /// While commits fail, it claims no more than it needs to find out when they succeed again.
    #[must_use]
    pub fn health(&self) -> Health {
        let clock = &*self.node.clock;
        Health {
            blocking: self.node.watch.blocking(clock),
            ..self.node.health.report(clock.now_ms())
        }
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
