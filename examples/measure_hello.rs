//! How fast one trivial orchestration with one trivial activity is on a backend: one at a time,
//! and many at once. Run it with `--release`; figures from one run can be compared, others hardly.
#![allow(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "it measures real time on purpose"
)]

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};
use tokio::task::JoinSet;

use common::Backend;

const ONE_AT_A_TIME: usize = 500;
const IN_FLIGHT: usize = 200;
const PER_WORKER: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

async fn hello_world(ctx: OrchestrationContext, name: String) -> Result<String, String> {
    ctx.schedule_activity("Hello", name).into_activity().await
}

async fn hello(_ctx: ActivityContext, name: String) -> Result<String, String> {
    Ok(format!("Hello, {name}!"))
}

async fn run_one(client: &Client, instance: String) -> Result<Duration, String> {
    let began = Instant::now();
    client
        .start_orchestration(instance.as_str(), "HelloWorld", "Rust")
        .await
        .map_err(|error| error.to_string())?;
    client
        .wait_for_orchestration(&instance, PATIENCE)
        .await
        .map_err(|error| error.to_string())?;
    Ok(began.elapsed())
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:.2?}, p99 {:.2?}", at(50), at(99))
}

#[tokio::main]
async fn main() -> ExitCode {
    common::run(example).await
}

async fn example(backend: Backend) -> Result<(), Box<dyn Error>> {
    let store = backend.connect().await?;
    let activities = ActivityRegistry::builder().register("Hello", hello).build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("HelloWorld", hello_world)
        .build();
    let runtime =
        Runtime::start_with_store(Arc::clone(&store), Arc::new(activities), orchestrations).await;
    let client = Client::new(Arc::clone(&store));
    println!(
        "{:?} at {:?}",
        store.about(),
        store.capabilities().durability
    );

    let mut times = Vec::new();
    for index in 0..ONE_AT_A_TIME {
        times.push(run_one(&client, format!("one-{index}")).await?);
    }
    println!("one at a time: {}", percentiles(times));

    let began = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..IN_FLIGHT {
        let client = client.clone();
        workers.spawn(async move {
            let mut times = Vec::new();
            for index in 0..PER_WORKER {
                times.push(run_one(&client, format!("many-{worker}-{index}")).await?);
            }
            Ok::<_, String>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(worker) = workers.join_next().await {
        times.extend(worker??);
    }
    let per_second = times.len() as f64 / began.elapsed().as_secs_f64();
    println!(
        "{IN_FLIGHT} in flight: {per_second:.0} orchestrations a second, {}",
        percentiles(times)
    );

    runtime.shutdown(None).await;
    Ok(())
}
