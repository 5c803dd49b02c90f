//! Nothing to do.

use std::time::Duration;

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{OrchestrationContext, OrchestrationRegistry};

use super::Failure;
use super::meter::Meter;
use super::report::Row;
use super::stage::{Backend, Stage};
use super::workload::Size;

async fn wait(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    Ok(ctx.schedule_wait("go").into_event().await)
}

pub(crate) async fn run(backend: Backend, size: Size) -> Result<Vec<Row>, Failure> {
    let activities = ActivityRegistry::builder().build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Wait", wait)
        .build();
    let stage = Stage::open(backend, activities, orchestrations).await?;
    stage
        .client
        .start_orchestration("waiting", "Wait", "")
        .await?;
    // Until the instance waits and everything has come to rest.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seconds = size.of(1, 10);
    let meter = Meter::start(&stage).await?;
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
    let cost = meter.stop(&stage, seconds, Vec::new()).await?;
    stage.close().await;
    let note = match cost.counts {
        Some(counts) => format!("{} statements in all", counts.statements),
        None => String::new(),
    };
    Ok(vec![Row {
        name: "idle, a second".to_owned(),
        cost,
        note,
    }])
}
