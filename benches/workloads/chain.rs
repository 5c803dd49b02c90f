//! Activities one after another.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};

use super::Failure;
use super::meter::Meter;
use super::report::Row;
use super::stage::{Backend, Stage};
use super::workload::Size;

/// How many steps at either end of the long chain are compared.
const ENDS: usize = 100;

async fn chain(ctx: OrchestrationContext, steps: String) -> Result<String, String> {
    let steps: u32 = steps.parse().map_err(|_| "no number of steps")?;
    for step in 0..steps {
        ctx.schedule_activity("Step", step.to_string())
            .into_activity()
            .await?;
    }
    Ok(steps.to_string())
}

pub(crate) async fn run(backend: Backend, size: Size) -> Result<Vec<Row>, Failure> {
    // When each step's activity ran: the distance of two is what a step takes.
    let moments = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&moments);
    let step = move |_: ActivityContext, step: String| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(Instant::now());
        drop(seen);
        async move { Ok(step) }
    };
    let activities = ActivityRegistry::builder().register("Step", step).build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Chain", chain)
        .build();
    let stage = Stage::open(backend, activities, orchestrations).await?;
    let mut rows = Vec::new();
    for (length, rounds) in [(size.of(5, 50), size.of(1, 20)), (size.of(200, 10_000), 1)] {
        let meter = Meter::start(&stage).await?;
        let mut times = Vec::new();
        let mut note = String::new();
        for round in 0..rounds {
            let lock = || moments.lock().unwrap_or_else(PoisonError::into_inner);
            lock().clear();
            stage
                .run_one(
                    &format!("chain-{length}-{round}"),
                    "Chain",
                    &length.to_string(),
                )
                .await?;
            let steps = distances(&lock());
            note = compare_ends(&steps);
            times.extend(steps);
        }
        let cost = meter.stop(&stage, length * rounds, times).await?;
        rows.push(Row {
            name: format!("chain of {length}, a step"),
            cost,
            note,
        });
    }
    stage.close().await;
    Ok(rows)
}

fn distances(moments: &[Instant]) -> Vec<Duration> {
    moments
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]))
        .collect()
}

/// What the last steps cost beside the first ones; medians, since the machine is noisy.
fn compare_ends(steps: &[Duration]) -> String {
    let median = |steps: &[Duration]| {
        let mut steps = steps.to_vec();
        steps.sort_unstable();
        steps[steps.len() / 2]
    };
    match (steps.first_chunk::<ENDS>(), steps.last_chunk::<ENDS>()) {
        (Some(first), Some(last)) => {
            let (first, last) = (median(first), median(last));
            let ratio = last.as_secs_f64() / first.as_secs_f64();
            format!("last hundred / first hundred: {last:.2?} / {first:.2?} = {ratio:.2}")
        }
        _ => String::new(),
    }
}
