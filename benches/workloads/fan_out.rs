//! Many activities at once.

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{OrchestrationContext, OrchestrationRegistry};

use super::Failure;
use super::hello::hello;
use super::meter::Meter;
use super::report::Row;
use super::stage::{Backend, Stage};
use super::workload::Size;

async fn fan_out(ctx: OrchestrationContext, width: String) -> Result<String, String> {
    let width: u32 = width.parse().map_err(|_| "no width")?;
    let activities = (0..width)
        .map(|index| ctx.schedule_activity("Hello", index.to_string()))
        .collect();
    Ok(ctx.join(activities).await.len().to_string())
}

pub(crate) async fn run(backend: Backend, size: Size) -> Result<Vec<Row>, Failure> {
    let activities = ActivityRegistry::builder().register("Hello", hello).build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("FanOut", fan_out)
        .build();
    let stage = Stage::open(backend, activities, orchestrations).await?;
    let width = size.of(100, 10_000);
    stage.run_one("warm-up", "FanOut", "10").await?;
    let meter = Meter::start(&stage).await?;
    stage.run_one("wide", "FanOut", &width.to_string()).await?;
    let cost = meter.stop(&stage, width, Vec::new()).await?;
    if stage.completed("wide").await? != width.to_string() {
        return Err("the fan-out lost a branch".into());
    }
    stage.close().await;
    Ok(vec![Row {
        name: "fan-out, an activity".to_owned(),
        cost,
        note: String::new(),
    }])
}
