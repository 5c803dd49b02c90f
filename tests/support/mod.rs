//! What the black-box tests share: a store, a runtime and a client in one place.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::future_not_send,
    reason = "every test binary compiles this and uses a part of it, on the test's own thread; a \
              failed wait fails the test"
)]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use duroxide::clock::{Clock, ManualClock, SystemClock};
use duroxide::providers::Provider;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{MismatchPolicy, ObservabilityConfig, Runtime, RuntimeOptions};
use duroxide::{
    Client, ClientError, ErrorDetails, Event, EventKind, OrchestrationContext,
    OrchestrationRegistry, OrchestrationStatus,
};

/// What an orchestration or an activity returns.
pub(crate) type Text = Result<String, String>;

/// How long a test waits for anything before it fails: so long that no machine is too slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Fails the test if this takes too long, whatever clock the runtime goes by.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not done within {PATIENCE:?}"),
    }
}

/// A short pause of real time between two looks at the same thing.
pub(crate) async fn pause(millis: u64) {
    SystemClock.sleep(Duration::from_millis(millis)).await;
}

/// Looks until there is something to see.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    within(what, async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            pause(2).await;
        }
    })
    .await
}

/// Options that let every turn be checked against a replay of its history. What does not fit fails,
/// so that a test hears of it.
pub(crate) fn checked() -> RuntimeOptions {
    RuntimeOptions {
        shadow_replay: true,
        mismatch_policy: MismatchPolicy::FailAtOnce,
        ..RuntimeOptions::default()
    }
}

/// Counts what the runtime does.
pub(crate) fn counting() -> ObservabilityConfig {
    ObservabilityConfig {
        metrics_enabled: true,
        ..ObservabilityConfig::default()
    }
}

/// Options of a node that gives back what it cannot run, for so long each time, and counts it.
pub(crate) fn giving_back(delay: Duration) -> RuntimeOptions {
    RuntimeOptions {
        mismatch_policy: MismatchPolicy::GiveBack {
            delay_min: delay,
            delay_max: delay,
        },
        observability: counting(),
        ..checked()
    }
}

/// `Main` waits for `Go` twice, and returns both.
pub(crate) fn waiting_twice() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Main", |ctx: OrchestrationContext, _: String| async move {
            let first = ctx.schedule_wait("Go").into_event().await;
            let second = ctx.schedule_wait("Go").into_event().await;
            Ok(format!("{first} {second}"))
        })
        .build()
}

/// Registries without anything in them.
pub(crate) fn no_activities() -> ActivityRegistry {
    ActivityRegistry::builder().build()
}

/// The types of these events, in order.
pub(crate) fn types(history: &[Event]) -> Vec<String> {
    history.iter().map(|event| type_of(&event.kind)).collect()
}

/// The type of an event, as its storage format names it.
pub(crate) fn type_of(kind: &EventKind) -> String {
    let json = serde_json::to_value(kind).unwrap();
    json["type"].as_str().unwrap().to_owned()
}

/// A store with a runtime and a client on it.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Provider>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) client: Client,
}

impl World {
    /// On SQLite in memory.
    pub(crate) async fn on_sqlite(
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
    ) -> Self {
        let store = SqliteProvider::new_in_memory().await.unwrap();
        Self::start(Arc::new(store), activities, orchestrations, checked()).await
    }

    /// On the in-memory provider.
    pub(crate) async fn on_memory(
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
    ) -> Self {
        let store = MemoryProvider::new();
        Self::start(Arc::new(store), activities, orchestrations, checked()).await
    }

    /// On the in-memory provider, by a clock that the test moves.
    pub(crate) async fn on_manual_time(
        clock: &ManualClock,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
    ) -> Self {
        let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
        let store: Arc<dyn Provider> = Arc::new(MemoryProvider::with_options(options));
        let options = RuntimeOptions {
            clock: Arc::new(clock.clone()),
            ..checked()
        };
        let client = Client::with_clock(Arc::clone(&store), Arc::new(clock.clone()));
        Self {
            client,
            ..Self::start(store, activities, orchestrations, options).await
        }
    }

    /// On any store.
    pub(crate) async fn start(
        store: Arc<dyn Provider>,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
        options: RuntimeOptions,
    ) -> Self {
        let runtime = Runtime::start_with_options(
            Arc::clone(&store),
            Arc::new(activities),
            orchestrations,
            options,
        )
        .await;
        let client = Client::new(Arc::clone(&store));
        Self {
            store,
            runtime,
            client,
        }
    }

    /// Starts an instance.
    pub(crate) async fn begin(&self, instance: &str, orchestration: &str, input: &str) {
        self.client
            .start_orchestration(instance, orchestration, input)
            .await
            .unwrap();
    }

    /// Raises an event.
    pub(crate) async fn raise(&self, instance: &str, name: &str, data: &str) {
        self.client.raise_event(instance, name, data).await.unwrap();
    }

    /// How an instance ended.
    pub(crate) async fn ended(&self, instance: &str) -> OrchestrationStatus {
        ended(&self.client, instance).await
    }

    /// Fails the test if an instance has ended.
    pub(crate) async fn assert_running(&self, instance: &str) {
        let status = self.client.get_orchestration_status(instance).await;
        let status = status.unwrap();
        assert_eq!(status, OrchestrationStatus::Running, "{instance}");
    }

    /// What an instance returned.
    pub(crate) async fn output(&self, instance: &str) -> String {
        match self.ended(instance).await {
            OrchestrationStatus::Completed { output } => output,
            other => panic!("{instance} did not complete: {other:?}"),
        }
    }

    /// Why an instance failed.
    pub(crate) async fn failure(&self, instance: &str) -> ErrorDetails {
        match self.ended(instance).await {
            OrchestrationStatus::Failed { details } => details,
            other => panic!("{instance} did not fail: {other:?}"),
        }
    }

    /// Starts an instance and answers what it returned.
    pub(crate) async fn run(&self, instance: &str, orchestration: &str, input: &str) -> String {
        self.begin(instance, orchestration, input).await;
        self.output(instance).await
    }

    /// Starts an instance and answers why it failed.
    pub(crate) async fn run_failing(
        &self,
        instance: &str,
        orchestration: &str,
        input: &str,
    ) -> ErrorDetails {
        self.begin(instance, orchestration, input).await;
        self.failure(instance).await
    }

    /// Why a client waits in vain for an instance, as soon as a node has said so. The error's text
    /// says it as well.
    pub(crate) async fn reason(&self, instance: &str) -> String {
        let told = async || {
            let wait = Duration::from_millis(1);
            let error = self
                .client
                .wait_for_orchestration(instance, wait)
                .await
                .unwrap_err();
            let text = error.to_string();
            let ClientError::Blocked { reason } = error else {
                return None;
            };
            assert!(text.starts_with("timed out waiting"), "{text}");
            assert!(text.contains(&reason), "{text}");
            Some(reason)
        };
        until("whoever waits is told why", told).await
    }

    /// The history of an instance's current execution.
    pub(crate) async fn history(&self, instance: &str) -> Vec<Event> {
        self.store.read(instance).await.unwrap()
    }

    /// Waits for the first event of this kind, and answers it.
    pub(crate) async fn event(
        &self,
        instance: &str,
        is_it: impl Fn(&EventKind) -> bool + Copy,
    ) -> Event {
        until("an event in history", async || {
            self.history(instance)
                .await
                .into_iter()
                .find(|event| is_it(&event.kind))
        })
        .await
    }

    /// The id of the child that an instance scheduled first.
    pub(crate) async fn child_of(&self, instance: &str) -> String {
        let is_child =
            |kind: &EventKind| matches!(kind, EventKind::SubOrchestrationScheduled { .. });
        match self.event(instance, is_child).await.kind {
            EventKind::SubOrchestrationScheduled { instance, .. } => instance,
            other => panic!("{other:?} schedules no child"),
        }
    }

    /// Waits until an instance has asked for this event.
    pub(crate) async fn waits_for(&self, instance: &str, name: &str) {
        self.event(
            instance,
            |kind| matches!(kind, EventKind::ExternalSubscribed { name: found } if found == name),
        )
        .await;
    }

    /// Moves the clock to the next timer of an instance and waits until it has fired. Answers how
    /// long that timer was.
    pub(crate) async fn fire_timer(&self, clock: &ManualClock, instance: &str) -> Duration {
        let (timer, fire_at_ms) = until("a timer in history", async || {
            open_timer(&self.history(instance).await)
        })
        .await;
        clock.set_ms(fire_at_ms.max(clock.now_ms()));
        until("the firing of a timer", async || {
            let history = self.history(instance).await;
            let has_fired = history
                .iter()
                .any(|event| event.source_event_id == Some(timer.event_id));
            // A turn may have been given back for a moment, since another one was within its code.
            clock.advance(Duration::from_millis(1));
            has_fired.then_some(())
        })
        .await;
        Duration::from_millis(fire_at_ms - timer.timestamp_ms)
    }

    /// Ends the runtime.
    pub(crate) async fn shutdown(self) {
        within("shutdown", self.runtime.shutdown(None)).await;
    }
}

/// How an instance ended.
pub(crate) async fn ended(client: &Client, instance: &str) -> OrchestrationStatus {
    within(instance, client.wait_for_orchestration(instance, PATIENCE))
        .await
        .unwrap()
}

/// The first timer that has not fired.
fn open_timer(history: &[Event]) -> Option<(Event, u64)> {
    let fired = |id| {
        history
            .iter()
            .any(|event| event.source_event_id == Some(id))
    };
    history.iter().find_map(|event| match event.kind {
        EventKind::TimerCreated { fire_at_ms } if !fired(event.event_id) => {
            Some((event.clone(), fire_at_ms))
        }
        _ => None,
    })
}
