//! Many orchestrations that sleep.

use std::time::{Duration, Instant};

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{OrchestrationContext, OrchestrationRegistry};
use futures_util::future::try_join_all;

use super::Failure;
use super::meter::Meter;
use super::report::Row;
use super::stage::{Backend, Stage};
use super::workload::Size;

const SLEEP: Duration = Duration::from_secs(1);

async fn nap(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    ctx.schedule_timer(SLEEP).await;
    Ok("rested".to_owned())
}

pub(crate) async fn run(backend: Backend, size: Size) -> Result<Vec<Row>, Failure> {
    let activities = ActivityRegistry::builder().build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Nap", nap)
        .build();
    let stage = Stage::open(backend, activities, orchestrations).await?;
    let names: Vec<String> = (0..size.of(20, 1_000))
        .map(|n| format!("nap-{n}"))
        .collect();

    let meter = Meter::start(&stage).await?;
    try_join_all(
        names
            .iter()
            .map(|name| stage.client.start_orchestration(name.as_str(), "Nap", "")),
    )
    .await?;
    let last_start = Instant::now();
    try_join_all(names.iter().map(|name| stage.completed(name))).await?;
    let after_last_start = last_start.elapsed();
    let cost = meter.stop(&stage, names.len(), Vec::new()).await?;
    stage.close().await;
    Ok(vec![Row {
        name: "timers of one second".to_owned(),
        cost,
        note: format!("all done {after_last_start:.2?} after the last start"),
    }])
}
