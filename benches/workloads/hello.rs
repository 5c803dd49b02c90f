//! One trivial orchestration with one trivial activity.

use std::sync::Arc;
use std::time::Duration;

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use tokio::task::JoinSet;

use super::Failure;
use super::meter::{Cost, Meter};
use super::report::Row;
use super::stage::{Backend, Stage};
use super::workload::Size;

const IN_FLIGHT: usize = 200;

/// The trivial activity.
pub(crate) async fn hello(_ctx: ActivityContext, name: String) -> Result<String, String> {
    Ok(format!("Hello, {name}!"))
}

async fn hello_world(ctx: OrchestrationContext, name: String) -> Result<String, String> {
    ctx.schedule_activity("Hello", name).into_activity().await
}

pub(crate) fn code() -> (ActivityRegistry, OrchestrationRegistry) {
    let activities = ActivityRegistry::builder().register("Hello", hello).build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("HelloWorld", hello_world)
        .build();
    (activities, orchestrations)
}

pub(crate) async fn run(backend: Backend, size: Size) -> Result<Vec<Row>, Failure> {
    let (activities, orchestrations) = code();
    let stage = Arc::new(Stage::open(backend, activities, orchestrations).await?);
    one_at_a_time(&stage, "warm-up", size.of(5, 100)).await?;
    let single = one_at_a_time(&stage, "one", size.of(20, 1_000)).await?;
    let many = in_flight(&stage, "many", size.of(1, 100)).await?;
    if let Some(stage) = Arc::into_inner(stage) {
        stage.close().await;
    }
    let row = |name: &str, cost| Row {
        name: name.to_owned(),
        cost,
        note: String::new(),
    };
    Ok(vec![
        row("hello, one at a time", single),
        row("hello, 200 in flight", many),
    ])
}

async fn one_at_a_time(stage: &Stage, prefix: &str, count: usize) -> Result<Cost, Failure> {
    let meter = Meter::start(stage).await?;
    let mut times = Vec::new();
    for index in 0..count {
        let instance = format!("{prefix}-{index}");
        times.push(stage.run_one(&instance, "HelloWorld", "Rust").await?);
    }
    meter.stop(stage, count, times).await
}

/// A closed loop: each of 200 clients starts its next one when its last one is done.
pub(crate) async fn in_flight(
    stage: &Arc<Stage>,
    prefix: &str,
    each: usize,
) -> Result<Cost, Failure> {
    let meter = Meter::start(stage).await?;
    let mut clients: JoinSet<Result<Vec<Duration>, Failure>> = JoinSet::new();
    for client in 0..IN_FLIGHT {
        let (stage, prefix) = (Arc::clone(stage), prefix.to_owned());
        clients.spawn(async move {
            let mut times = Vec::new();
            for index in 0..each {
                let instance = format!("{prefix}-{client}-{index}");
                times.push(stage.run_one(&instance, "HelloWorld", "Rust").await?);
            }
            Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    meter.stop(stage, times.len(), times).await
}
