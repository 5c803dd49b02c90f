//! Orchestrations that use everything, clients that do not give up, and what must be there in the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::{ErrorKind, InstanceFilter, InstanceStatus, Provider};
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::runtime::{Runtime, RuntimeOptions};
use duroxide_core::{
    ActivityContext, Client, ClientError, DurableOutput, Event, EventKind, OrchestrationContext,
    OrchestrationRegistry, OrchestrationStatus, QueueDepths,
};
use duroxide_postgres::PostgresProvider;
use tokio::task::JoinSet;

use super::store::{Store, now_ms, sleep};

/// Short, so that what a lost connection held is soon free.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How long a client tries.
const PATIENCE_MS: u64 = 90_000;
/// How long the last leftovers may take, which is a few leases.
const DRAIN_MS: u64 = 15_000;

type Text = Result<String, String>;

async fn step(ctx: &OrchestrationContext, input: &str) -> Text {
    ctx.schedule_activity("Step", input).into_activity().await
}

/// Two activities at once, a timer, a child, an event and one more activity.
async fn work(ctx: OrchestrationContext, _: String) -> Text {
    let activities = ["1", "2"].map(|input| ctx.schedule_activity("Step", input));
    let mut done = Vec::new();
    for output in ctx.join(activities.into()).await {
        let DurableOutput::Activity(output) = output else {
            return Err("an activity ended as something else".to_owned());
        };
        done.push(output?);
    }
    done.sort();
    ctx.schedule_timer(Duration::from_millis(20))
        .into_timer()
        .await;
    let child = ctx.schedule_sub_orchestration("Child", "");
    let child = child.into_sub_orchestration().await?;
    let event = ctx.schedule_wait("go").into_event().await;
    let last = step(&ctx, "3").await?;
    Ok(format!("{} {child} {event} {last}", done.join(" ")))
}

async fn child(ctx: OrchestrationContext, _: String) -> Text {
    step(&ctx, "child").await
}

/// A chain of activities, for measuring.
async fn chain(ctx: OrchestrationContext, _: String) -> Text {
    step(&ctx, "1").await?;
    step(&ctx, "2").await
}

/// A timer between two looks at the machine's clock: how many milliseconds lay between.
async fn timed(ctx: OrchestrationContext, _: String) -> Text {
    let now = || ctx.schedule_activity("Now", "").into_activity();
    let before = now().await?;
    ctx.schedule_timer(TIMER).into_timer().await;
    let after = now().await?;
    let parsed = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok((parsed(&after)? - parsed(&before)?).to_string())
}

async fn slow(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_activity("Slow", "").into_activity().await
}

/// How long the timer of `timed` is.
pub(crate) const TIMER: Duration = Duration::from_millis(1_500);
/// How long the activity of `slow` takes, which is longer than its lease.
const SLOW: Duration = Duration::from_millis(3_000);

/// The code, and how often the slow activity was begun.
#[derive(Clone, Default)]
pub(crate) struct Code {
    pub(crate) slow_runs: Arc<AtomicU64>,
}

impl Code {
    fn activities(&self) -> ActivityRegistry {
        let slow_runs = Arc::clone(&self.slow_runs);
        ActivityRegistry::builder()
            .register("Step", |_: ActivityContext, input: String| async move {
                Ok(input)
            })
            .register("Now", |_: ActivityContext, _: String| async move {
                Ok(now_ms().to_string())
            })
            .register("Slow", move |_: ActivityContext, _: String| {
                slow_runs.fetch_add(1, Ordering::Relaxed);
                async move {
                    sleep(SLOW).await;
                    Ok("slow".to_owned())
                }
            })
            .build()
    }

    /// A node on this provider.
    pub(crate) async fn node(
        &self,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Runtime> {
        let options = RuntimeOptions {
            shadow_replay: true,
            orchestrator_lock_timeout: LEASE,
            worker_lock_timeout: LEASE,
            clock,
            ..RuntimeOptions::default()
        };
        let orchestrations = OrchestrationRegistry::builder()
            .register("Work", work)
            .register("Child", child)
            .register("Chain", chain)
            .register("Timed", timed)
            .register("Slow", slow)
            .build();
        let activities = Arc::new(self.activities());
        Runtime::start_with_options(provider, activities, orchestrations, options).await
    }
}

/// A node by the machine's clock.
pub(crate) async fn node(provider: Arc<dyn Provider>) -> Arc<Runtime> {
    Code::default().node(provider, SystemClock::shared()).await
}

/// Repeats a call while the store cannot be reached, or is not sure; answers how often it was made.
async fn persist<T, F>(what: &str, mut call: impl FnMut() -> F) -> (Result<T, ClientError>, u64)
where
    F: Future<Output = Result<T, ClientError>>,
{
    let until_ms = now_ms() + PATIENCE_MS;
    for calls in 1.. {
        match call().await {
            Err(error) if is_transient(&error) => {
                assert!(now_ms() < until_ms, "{what}: {error}");
                sleep(Duration::from_millis(20)).await;
            }
            answer => return (answer, calls),
        }
    }
    unreachable!("it is called without end");
}

fn is_transient(error: &ClientError) -> bool {
    let ClientError::Provider(error) = error else {
        return false;
    };
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::CommitUnknown
    )
}

/// What clients have asked for: how often each event was raised, at most.
pub(crate) type Asked = BTreeMap<String, u64>;

/// Starts an instance, raises its event and waits for its end, whatever it takes.
async fn drive(client: Client, instance: String) -> (String, u64) {
    let starting = || client.start_orchestration(&instance, "Work", "");
    let (started, calls) = persist("start", starting).await;
    if let Err(error) = started {
        // One that was not sure has started it.
        let is_there =
            matches!(&error, ClientError::Provider(it) if it.kind() == ErrorKind::AlreadyExists);
        assert!(is_there && calls > 1, "{instance}: {error}");
    }
    let raising = || client.raise_event(&instance, "go", &instance);
    let (raised, raises) = persist("raise", raising).await;
    raised.unwrap();
    let waiting = || client.wait_for_orchestration(&instance, Duration::from_secs(60));
    let status = persist("wait", waiting).await.0.unwrap();
    assert_eq!(status, expected(&instance), "{instance}");
    (instance, raises)
}

fn expected(instance: &str) -> OrchestrationStatus {
    OrchestrationStatus::Completed {
        output: format!("1 2 child {instance} 3"),
    }
}

/// Clients that work until they are told to stop, each at one instance at a time.
pub(crate) struct Clients {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    tasks: JoinSet<Vec<(String, u64)>>,
}

impl Clients {
    pub(crate) fn start(provider: &Arc<dyn Provider>, count: usize) -> Self {
        let mut clients = Self {
            stop: Arc::default(),
            done: Arc::default(),
            tasks: JoinSet::new(),
        };
        for number in 0..count {
            let client = Client::new(Arc::clone(provider));
            let (stop, done) = (Arc::clone(&clients.stop), Arc::clone(&clients.done));
            clients.tasks.spawn(async move {
                let mut asked = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let instance = format!("{number}-{}", asked.len());
                    asked.push(drive(client.clone(), instance).await);
                    done.fetch_add(1, Ordering::Relaxed);
                }
                asked
            });
        }
        clients
    }

    /// How many instances have ended by now.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Lets each bring its last instance to an end.
    pub(crate) async fn stop(self) -> Asked {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

/// Checks that everything that was asked for has happened, once, and that nothing is left.
pub(crate) async fn verify(store: &Store, provider: &Arc<dyn Provider>, asked: &Asked) {
    let client = Client::new(Arc::clone(provider));
    let until_ms = now_ms() + DRAIN_MS;
    loop {
        let depths = client.get_queue_depths().await.unwrap();
        if depths == QueueDepths::default() {
            break;
        }
        assert!(now_ms() < until_ms, "something is left over: {depths:?}");
        sleep(Duration::from_millis(50)).await;
    }
    let admin = provider.admin().unwrap();
    let mut filter = InstanceFilter::default();
    let mut found = 0;
    loop {
        let page = admin.list_instances(&filter).await.unwrap();
        for head in &page.instances {
            let instance = head.instance.as_str();
            assert_eq!(head.status, InstanceStatus::Completed, "{instance}");
            let history = client.read_execution_history(instance, 1).await.unwrap();
            check_history(&history)
                .unwrap_or_else(|what| panic!("{instance}: {what}\n{history:#?}"));
            let root = instance.split("::").next().unwrap();
            let raises = *asked.get(root).expect("somebody asked for it");
            let activities = activities(&history);
            if root == instance {
                assert_eq!(activities, 3, "{instance}");
                let recorded = times_raised(&history, instance);
                assert!(
                    (1..=raises).contains(&recorded),
                    "{instance}: {recorded} of {raises}"
                );
            } else {
                assert_eq!(activities, 1, "{instance}");
            }
            found += 1;
        }
        filter.after = page.instances.last().map(|head| head.instance.clone());
        if !page.more {
            break;
        }
    }
    // Each has one child.
    assert_eq!(found, asked.len() * 2);
    let counted_wrongly = "SELECT count(*) FROM ready WHERE inbox_count <> 0";
    assert_eq!(store.number(counted_wrongly).await, 0);
}

/// Numbers without a gap, one start, one end, and one outcome for each decision.
pub(crate) fn check_history(history: &[Event]) -> Result<(), String> {
    for (number, event) in (1..).zip(history) {
        if event.event_id != number {
            return Err(format!("event {number} has the number {}", event.event_id));
        }
    }
    let is_start = |event: &&Event| matches!(event.kind, EventKind::OrchestrationStarted { .. });
    if history.iter().filter(is_start).count() != 1 {
        return Err("its history does not begin once".to_owned());
    }
    let ends = history.iter().filter(|event| event.kind.is_terminal());
    if ends.count() != 1 || !history.last().is_some_and(|event| event.kind.is_terminal()) {
        return Err("its history does not end once".to_owned());
    }
    for event in history {
        let is_answered = matches!(
            event.kind,
            EventKind::ActivityScheduled { .. }
                | EventKind::TimerCreated { .. }
                | EventKind::SubOrchestrationScheduled { .. }
        );
        let is_its =
            |input: &&Event| input.kind.is_input() && input.source_event_id == Some(event.event_id);
        let outcomes = history.iter().filter(is_its).count();
        if is_answered && outcomes != 1 {
            return Err(format!("step {} has {outcomes} outcomes", event.event_id));
        }
    }
    Ok(())
}

fn activities(history: &[Event]) -> usize {
    let is_one = |event: &&Event| matches!(event.kind, EventKind::ActivityScheduled { .. });
    history.iter().filter(is_one).count()
}

fn times_raised(history: &[Event], datum: &str) -> u64 {
    let is_it = |event: &&Event| matches!(&event.kind, EventKind::ExternalEvent { data, .. } if data == datum);
    history.iter().filter(is_it).count() as u64
}

/// A provider as nodes and clients take it.
pub(crate) fn shared(provider: &Arc<PostgresProvider>) -> Arc<dyn Provider> {
    Arc::<PostgresProvider>::clone(provider)
}
