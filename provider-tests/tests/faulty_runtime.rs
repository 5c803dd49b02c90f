//! The real runtime and client on a store that fails: every effect, at every call of every
//! operation of a run. Whatever happens, the run completes, and each of its steps is recorded
//! once.
#![expect(clippy::expect_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::{ErrorKind, Provider, ProviderAdmin, QueueDepths};
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::runtime::{Runtime, RuntimeOptions};
use duroxide_core::{
    ActivityContext, Client, Event, EventKind, OrchestrationContext, OrchestrationRegistry,
    OrchestrationStatus,
};
use duroxide_memory::{MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{Effect, Fault, Faulty, Given, Operation, ScaledClock, When};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A second of the run takes 20 ms, and a lease that nobody gives back 100 or 200 ms.
const SPEEDUP: u32 = 50;
const TURN_LEASE: Duration = Duration::from_secs(5);
const ACTIVITY_LEASE: Duration = Duration::from_secs(10);
/// Longer than it takes until a lease is renewed for the first time.
const SLOW: Duration = Duration::from_secs(4);
/// The real time after which a run is taken to be stuck.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many runs share the machine; they mostly sleep.
const RUNS_AT_ONCE: usize = 24;

const EFFECTS: [Effect; 9] = [
    Effect::FailBefore(ErrorKind::Unavailable),
    Effect::LoseReply,
    Effect::DropAfterPolls(0),
    Effect::DropAfterPolls(1),
    Effect::DropAfterPolls(2),
    Effect::Delay(Duration::from_secs(1)),
    // Longer than any lease.
    Effect::Delay(Duration::from_secs(12)),
    Effect::Duplicate(Given::First),
    Effect::Duplicate(Given::Second),
];

type Text = Result<String, String>;

/// Fan-out, child, timer, event and an activity that outlives its runtime, one after another.
async fn parent(ctx: OrchestrationContext, _: String) -> Text {
    let greetings = (1..=3)
        .map(|number| ctx.schedule_activity("Greet", number.to_string()))
        .collect();
    let mut said = Vec::new();
    for greeting in ctx.join(greetings).await {
        said.push(format!("{greeting:?}").contains("Hello").to_string());
    }
    let child = ctx.schedule_sub_orchestration("Child", "4");
    said.push(child.into_sub_orchestration().await?);
    ctx.schedule_timer(Duration::from_secs(1))
        .into_timer()
        .await;
    said.push(ctx.schedule_wait("go").into_event().await);
    said.push(ctx.schedule_activity("Slow", "").into_activity().await?);
    Ok(said.join(" "))
}

async fn child(ctx: OrchestrationContext, input: String) -> Text {
    ctx.schedule_activity("Greet", input).into_activity().await
}

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Parent", parent)
        .register("Child", child)
        .build()
}

fn activities(clock: ScaledClock) -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Greet", |_: ActivityContext, name: String| async move {
            Ok(format!("Hello, {name}!"))
        })
        .register("Slow", move |_: ActivityContext, _: String| async move {
            clock.sleep(SLOW).await;
            Ok("slow".to_owned())
        })
        .build()
}

/// What a run leaves behind.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    output: String,
    /// Of the parent and of the child: how often each kind of event is there.
    steps: [BTreeMap<String, usize>; 2],
    depths: QueueDepths,
}

/// How many calls of an operation there were, and whether the fault came.
struct Run {
    record: Record,
    faulty: Arc<Faulty<MemoryProvider>>,
}

struct World {
    clock: ScaledClock,
    memory: Arc<MemoryProvider>,
    faulty: Arc<Faulty<MemoryProvider>>,
}

impl World {
    fn new(fault: Option<Fault>) -> Self {
        let clock = ScaledClock::new(SPEEDUP);
        let options = MemoryOptions::default().clock(Arc::new(clock));
        let memory = Arc::new(MemoryProvider::with_options(options));
        let faulty = Faulty::new(Arc::clone(&memory))
            .with_clock(Arc::new(clock))
            .with_faults(fault);
        Self {
            clock,
            memory,
            faulty: Arc::new(faulty),
        }
    }

    async fn runtime(&self) -> Arc<Runtime> {
        let options = RuntimeOptions {
            shadow_replay: true,
            clock: Arc::new(self.clock),
            orchestrator_lock_timeout: TURN_LEASE,
            worker_lock_timeout: ACTIVITY_LEASE,
            ..RuntimeOptions::default()
        };
        let store: Arc<dyn Provider> = Arc::clone(&self.faulty) as _;
        let activities = Arc::new(activities(self.clock));
        Runtime::start_with_options(store, activities, orchestrations(), options).await
    }

    async fn run(self) -> Run {
        let store: Arc<dyn Provider> = Arc::clone(&self.faulty) as _;
        let client = Client::with_clock(store, Arc::new(self.clock));
        let first = self.runtime().await;
        let started = client.start_orchestration("parent", "Parent", "").await;
        started.expect("the client tries again");
        let raised = client.raise_event("parent", "go", "went").await;
        raised.expect("the client tries again");
        self.until(is_slow).await;
        first.shutdown(Some(0)).await;
        let second = self.runtime().await;
        let output = self.output(&client).await;
        let depths = self.depths_at_rest().await;
        second.shutdown(None).await;
        let steps = [
            self.steps("parent").await,
            self.steps("parent::sub::").await,
        ];
        let record = Record {
            output,
            steps,
            depths,
        };
        let faulty = self.faulty;
        Run { record, faulty }
    }

    /// Waits as a program does: again, if the store was away.
    async fn output(&self, client: &Client) -> String {
        loop {
            match client.wait_for_orchestration("parent", PATIENCE).await {
                Ok(OrchestrationStatus::Completed { output }) => return output,
                Err(error) if error.is_retryable() => {}
                other => panic!("the run did not complete: {other:?}"),
            }
        }
    }

    async fn until(&self, is_it: fn(&Event) -> bool) {
        while !self.history("parent").await.iter().any(is_it) {
            SystemClock.sleep(Duration::from_millis(2)).await;
        }
    }

    async fn history(&self, instance: &str) -> Vec<Event> {
        let history = self.memory.read(instance).await;
        history.expect("the history can be read")
    }

    /// The first instance whose id begins so; the child's ends with a number.
    async fn steps(&self, prefix: &str) -> BTreeMap<String, usize> {
        let page = self.memory.list_instances(&Default::default()).await;
        let heads = page.expect("memory lists its instances").instances;
        let mut names = heads.iter().map(|it| it.head.instance.as_str());
        let name = names.find(|name| name.starts_with(prefix));
        let name = name.unwrap_or_else(|| panic!("no {prefix} in {heads:?}"));
        let mut steps = BTreeMap::new();
        for event in self.history(name).await {
            let text = format!("{:?}", event.kind);
            let kind = text.split([' ', '{']).next().unwrap_or_default();
            *steps.entry(kind.to_owned()).or_default() += 1;
        }
        steps
    }

    /// What is queued once nothing more happens; the last repeats may take a lease's time.
    async fn depths_at_rest(&self) -> QueueDepths {
        const LOOKS_MAX: usize = 200;
        let mut depths = QueueDepths::default();
        for _ in 0..LOOKS_MAX {
            depths = self.memory.metrics().await.expect("memory counts").depths;
            if depths == QueueDepths::default() {
                break;
            }
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        depths
    }
}

fn is_slow(event: &Event) -> bool {
    matches!(&event.kind, EventKind::ActivityScheduled { name, .. } if name == "Slow")
}

async fn run(fault: Option<Fault>) -> Run {
    let running = World::new(fault).run();
    match timeout(PATIENCE, Box::pin(running)).await {
        Ok(run) => run,
        Err(_) => panic!("the run is stuck"),
    }
}

/// Every effect at every call that a run without faults makes, and at every third one for as long
/// as the run takes, where there is a third one.
fn every_fault(baseline: &Faulty<MemoryProvider>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for &operation in Operation::ALL {
        let calls = baseline.calls(operation);
        let lasting = (calls >= 3).then_some(When::EveryNth(3));
        for when in (1..=calls).map(When::Nth).chain(lasting) {
            faults.extend(EFFECTS.map(|effect| Fault {
                operation,
                when,
                effect,
            }));
        }
    }
    faults
}

/// The first call that a fault comes at.
fn first_call(when: When) -> u64 {
    match when {
        When::Nth(number) | When::EveryNth(number) | When::FromNth(number) => number,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_survives_every_fault_at_every_call() {
    let baseline = run(None).await;
    assert_eq!(baseline.record.depths, QueueDepths::default());
    let faults = every_fault(&baseline.faulty);
    let room = Arc::new(Semaphore::new(RUNS_AT_ONCE));
    let mut runs = JoinSet::new();
    for fault in faults.iter().copied() {
        let room = Arc::clone(&room);
        runs.spawn(async move {
            let _place = room.acquire_owned().await;
            (fault, tokio::spawn(run(Some(fault))).await)
        });
    }
    let mut came = 0;
    let mut failures = Vec::new();
    while let Some(ended) = runs.join_next().await {
        match ended.expect("the task only waits") {
            (fault, Err(error)) => failures.push(format!("{fault:?}: {error}")),
            (fault, Ok(run)) if run.record == baseline.record => {
                let has_come = run.faulty.faults() > 0;
                came += usize::from(has_come);
                // Batches differ from run to run, so that one may make fewer calls than another.
                if !has_come && run.faulty.calls(fault.operation) >= first_call(fault.when) {
                    failures.push(format!("{fault:?} did not come"));
                }
            }
            (fault, Ok(run)) => failures.push(format!("{fault:?}: {:#?}", run.record)),
        }
    }
    let tried = faults.len();
    assert!(
        failures.is_empty(),
        "{} of {tried}, without faults {:#?}:\n{}",
        failures.len(),
        baseline.record,
        failures.join("\n")
    );
    assert!(came * 2 > tried, "of {tried} faults only {came} came");
    for operation in [
        Operation::ClaimTurns,
        Operation::ClaimActivities,
        Operation::WaitForWork,
        Operation::Commit,
        Operation::Renew,
        Operation::Release,
        Operation::ReadHistory,
        Operation::WaitForChange,
    ] {
        assert!(baseline.faulty.calls(operation) > 0, "{operation:?}");
    }
    println!("{came} of {tried} faults came, and every run completed");
}
