//! Whole nodes and clients work on a server that goes away, loses connections and forgets scripts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{ErrorKind, Provider};
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::runtime::{Runtime, RuntimeOptions};
use duroxide_core::{
    ActivityContext, Client, ClientError, DurableOutput, Event, EventKind, OrchestrationContext,
    OrchestrationRegistry, OrchestrationStatus,
};
use duroxide_redis::RedisProvider;
use tokio::task::JoinSet;

use super::store::{Look, open, sleep};
use crate::private_server::PrivateServer;

/// Short, so that what a lost connection held is soon free.
const LEASE: Duration = Duration::from_secs(2);
const CLIENTS: usize = 8;
/// How many instances each client runs at least.
const INSTANCES_MIN: usize = 3;
/// How long a client tries.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

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
    let timer = ctx.schedule_timer(PAUSE);
    timer.into_timer().await;
    let child = ctx.schedule_sub_orchestration("Child", "");
    let child = child.into_sub_orchestration().await?;
    let event = ctx.schedule_wait("go").into_event().await;
    let last = step(&ctx, "3").await?;
    Ok(format!("{} {child} {event} {last}", done.join(" ")))
}

async fn child(ctx: OrchestrationContext, _: String) -> Text {
    step(&ctx, "child").await
}

async fn node(provider: Arc<RedisProvider>) -> Arc<Runtime> {
    let options = RuntimeOptions {
        shadow_replay: true,
        orchestrator_lock_timeout: LEASE,
        worker_lock_timeout: LEASE,
        ..RuntimeOptions::default()
    };
    let orchestrations = OrchestrationRegistry::builder()
        .register("Work", work)
        .register("Child", child)
        .build();
    let activities = ActivityRegistry::builder()
        .register("Step", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build();
    Runtime::start_with_options(provider, Arc::new(activities), orchestrations, options).await
}

/// Repeats a call while the store cannot be reached, or is not sure; answers how often it was made.
async fn persist<T, F>(what: &str, mut call: impl FnMut() -> F) -> (Result<T, ClientError>, u64)
where
    F: Future<Output = Result<T, ClientError>>,
{
    let begun = SystemClock.elapsed();
    let mut calls = 1;
    loop {
        match call().await {
            Err(error) if is_transient(&error) => {
                assert!(SystemClock.elapsed() - begun < PATIENCE, "{what}: {error}");
                sleep(PAUSE).await;
            }
            answer => return (answer, calls),
        }
        calls += 1;
    }
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

/// Starts an instance, raises its event and waits for its end, whatever it takes.
async fn drive(client: &Client, instance: &str) {
    let starting = || client.start_orchestration(instance, "Work", "");
    let (started, calls) = persist("start", starting).await;
    if let Err(error) = started {
        // One that was not sure has started it.
        let is_there =
            matches!(&error, ClientError::Provider(it) if it.kind() == ErrorKind::AlreadyExists);
        assert!(is_there && calls > 1, "{instance}: {error}");
    }
    let raising = || client.raise_event(instance, "go", instance);
    persist("raise", raising).await.0.unwrap();
    let waiting = || client.wait_for_orchestration(instance, PATIENCE);
    let status = persist("wait", waiting).await.0.unwrap();
    let output = format!("1 2 child {instance} 3");
    assert_eq!(
        status,
        OrchestrationStatus::Completed { output },
        "{instance}"
    );
    let reading = || client.read_execution_history(instance, 1);
    let history = persist("read", reading).await.0.unwrap();
    check_history(&history).unwrap_or_else(|what| panic!("{instance}: {what}\n{history:#?}"));
}

/// Numbers without a gap, one start, one end, and one outcome for each decision.
fn check_history(history: &[Event]) -> Result<(), String> {
    for (number, event) in (1..).zip(history) {
        if event.event_id != number {
            return Err(format!("event {number} has the number {}", event.event_id));
        }
    }
    let is_start = |event: &&Event| matches!(event.kind, EventKind::OrchestrationStarted { .. });
    let starts = history.iter().filter(is_start).count();
    let ends = history.iter().filter(|event| event.kind.is_terminal());
    if (starts, ends.count()) != (1, 1) {
        return Err("it does not begin once and end once".to_owned());
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn nodes_and_clients_get_everything_done_once_whatever_becomes_of_the_server() {
    let settings = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut server = PrivateServer::start(&settings).await;
    let (first, second) = (open(&server.url()).await, open(&server.url()).await);
    let nodes = [
        node(Arc::clone(&first)).await,
        node(Arc::clone(&second)).await,
    ];
    let is_over = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let client = Client::new(Arc::<RedisProvider>::clone(&first));
        let is_over = Arc::clone(&is_over);
        clients.spawn(async move {
            let mut done = 0;
            while done < INSTANCES_MIN || is_over.load(Ordering::Relaxed) == 0 {
                drive(&client, &format!("{number}-{done}")).await;
                done += 1;
            }
            done
        });
    }
    for _ in 0..10 {
        sleep(Duration::from_millis(100)).await;
        let kill = "CLIENT KILL TYPE normal SKIPME yes";
        server.command::<i64>(kill).await;
        server.command::<String>("SCRIPT FLUSH").await;
        server.command::<i64>("CLIENT KILL TYPE pubsub").await;
    }
    server.kill();
    sleep(Duration::from_secs(1)).await;
    server.start_again().await;
    sleep(Duration::from_millis(500)).await;
    is_over.store(1, Ordering::Relaxed);
    let done: usize = clients.join_all().await.into_iter().sum();
    println!("{done} instances");
    for node in nodes {
        node.shutdown(None).await;
    }
    let stored = Look::at(&server).await.everything().await;
    // Each has one child.
    assert_eq!(stored.len(), 2 * done);
    for (instance, stored) in stored {
        assert_eq!(stored.head.status, "C", "{instance}");
        assert_eq!(stored.activities, 0, "{instance}");
    }
    first.close().await;
    second.close().await;
}
