//! Many orchestrations that wait for an event.

use std::time::{Duration, Instant};

use duroxide::providers::{ClaimTurns, Lease, Release, ReleasedAttempts, TaskQueue};
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{OrchestrationContext, OrchestrationRegistry};
use futures_util::stream::{self, StreamExt as _};

use super::Failure;
use super::meter::{Cost, Meter, resident_mib};
use super::report::{self, Row};
use super::stage::{Backend, Stage};
use super::workload::Size;

/// How many requests of the client's are open at once.
const IN_FLIGHT: usize = 500;

/// The pause between two looks whether all of them wait, in milliseconds, for few and for many. A
/// store may answer by going through all that it has.
const LOOK_EVERY_MS: (usize, usize) = (5, 50);

async fn wait(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    Ok(ctx.schedule_wait("go").into_event().await)
}

fn code() -> (ActivityRegistry, OrchestrationRegistry) {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Wait", wait)
        .build();
    (ActivityRegistry::builder().build(), orchestrations)
}

pub(crate) async fn run(backend: Backend, size: Size) -> Result<Vec<Row>, Failure> {
    let names: Vec<String> = (0..size.of(200, 100_000))
        .map(|n| format!("wait-{n}"))
        .collect();
    let mut stage = Stage::without_runtime(backend).await?;
    let claim_on_empty = claim_time(&stage, "before").await?;

    let (activities, orchestrations) = code();
    stage.start_runtime(activities, orchestrations).await;
    let started = start_all(&stage, &names, look_every(size)).await?;
    let resident = report::count(resident_mib());
    stage.stop_runtime().await;
    let claim_on_full = claim_time(&stage, "after").await?;

    let (activities, orchestrations) = code();
    stage.start_runtime(activities, orchestrations).await;
    let raised = raise_all(&stage, &names).await?;
    stage.close().await;
    let ratio = claim_on_full.as_secs_f64() / claim_on_empty.as_secs_f64();
    Ok(vec![
        Row {
            name: "waiting, started".to_owned(),
            cost: started,
            note: format!(
                "{resident} MiB resident; a claim takes {claim_on_full:.2?}, on an empty store \
                 {claim_on_empty:.2?}: {ratio:.2}"
            ),
        },
        Row {
            name: "waiting, raised and completed".to_owned(),
            cost: raised,
            note: String::new(),
        },
    ])
}

fn look_every(size: Size) -> Duration {
    let (few, many) = LOOK_EVERY_MS;
    Duration::from_millis(size.of(few, many) as u64)
}

/// Starts them all and waits until each of them waits for its event.
async fn start_all(stage: &Stage, names: &[String], look_every: Duration) -> Result<Cost, Failure> {
    let meter = Meter::start(stage).await?;
    let mut starts = stream::iter(names)
        .map(|name| stage.client.start_orchestration(name.as_str(), "Wait", ""))
        .buffer_unordered(IN_FLIGHT);
    while let Some(started) = starts.next().await {
        started?;
    }
    while stage.client.get_queue_depths().await?.orchestrator_queue > 0 {
        tokio::time::sleep(look_every).await;
    }
    meter.stop(stage, names.len(), Vec::new()).await
}

async fn raise_all(stage: &Stage, names: &[String]) -> Result<Cost, Failure> {
    let meter = Meter::start(stage).await?;
    let mut ends = stream::iter(names)
        .map(async |name| {
            stage.client.raise_event(name.as_str(), "go", "now").await?;
            stage.completed(name).await
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some(end) = ends.next().await {
        end?;
    }
    drop(ends);
    meter.stop(stage, names.len(), Vec::new()).await
}

/// The median time of a claim of one turn, on a store on which nothing else runs. The first ones,
/// which find the processor's caches cold, do not count.
async fn claim_time(stage: &Stage, probe: &str) -> Result<Duration, Failure> {
    const CLAIMS: usize = 3_001;
    const FIRST: usize = 500;
    stage.client.start_orchestration(probe, "Wait", "").await?;
    let request = ClaimTurns {
        messages_max: 100,
        bytes_max: 1024 * 1024,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::from_secs(60))
    };
    let mut times = Vec::new();
    for _ in 0..CLAIMS {
        let began = Instant::now();
        let claimed = stage.store.claim_turns(&request).await?;
        times.push(began.elapsed());
        let releases = claimed.items.into_iter().map(|turn| {
            Release::new(
                Lease::Turn(turn.lease),
                Duration::ZERO,
                ReleasedAttempts::TakeBack,
            )
        });
        for released in stage.store.release(releases.collect()).await {
            released?;
        }
    }
    times.drain(..FIRST);
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
