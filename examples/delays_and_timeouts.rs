//! Three uses of a durable timer: a delay, a deadline for an activity, and a polling loop.
//!
//! What an orchestration must not do is sleep in the async runtime: such a wait is forgotten when
//! the process ends, and the orchestration fails with an error that says so. An activity may.
#![allow(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, Client, DurableOutput, OrchestrationContext, OrchestrationRegistry,
    OrchestrationStatus,
};

use common::Backend;

/// A delay: the process may end and start again in between.
async fn delay(ctx: OrchestrationContext, _input: String) -> Result<String, String> {
    ctx.schedule_timer(Duration::from_millis(300))
        .into_timer()
        .await;
    Ok("waited 300 ms".to_owned())
}

/// A deadline: whichever comes first, the activity's result or the timer.
async fn deadline(ctx: OrchestrationContext, _input: String) -> Result<String, String> {
    let report = ctx.schedule_activity("SlowReport", "");
    let timeout = ctx.schedule_timer(Duration::from_millis(300));
    match ctx.select2(report, timeout).await {
        (_, DurableOutput::Activity(result)) => result,
        _ => Ok("gave up on the report after 300 ms".to_owned()),
    }
}

/// A polling loop: ask, wait, ask again, at most five times.
async fn polling(ctx: OrchestrationContext, _input: String) -> Result<String, String> {
    for attempt in 1..=5_u32 {
        let state = ctx.schedule_activity("CheckMachine", attempt.to_string());
        if state.into_activity().await? == "ready" {
            return Ok(format!("the machine was ready at check {attempt}"));
        }
        ctx.schedule_timer(Duration::from_millis(100))
            .into_timer()
            .await;
    }
    Err("the machine never became ready".to_owned())
}

/// Takes for ever, and hears when nobody wants its result any more.
async fn slow_report(ctx: ActivityContext, _input: String) -> Result<String, String> {
    ctx.cancelled().await;
    println!("SlowReport: cancelled, cleaning up");
    Err("cancelled".to_owned())
}

async fn check_machine(_ctx: ActivityContext, attempt: String) -> Result<String, String> {
    let state = if attempt == "3" { "ready" } else { "starting" };
    println!("CheckMachine: {state}");
    Ok(state.to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    common::run(example).await
}

async fn example(backend: Backend) -> Result<(), Box<dyn Error>> {
    let store = backend.connect().await?;

    let activities = ActivityRegistry::builder()
        .register("SlowReport", slow_report)
        .register("CheckMachine", check_machine)
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Delay", delay)
        .register("Deadline", deadline)
        .register("Polling", polling)
        .build();
    let runtime =
        Runtime::start_with_store(Arc::clone(&store), Arc::new(activities), orchestrations).await;

    let client = Client::new(store);
    let demos = [
        ("delay-1", "Delay"),
        ("deadline-1", "Deadline"),
        ("polling-1", "Polling"),
    ];
    for (instance, orchestration) in demos {
        client
            .start_orchestration(instance, orchestration, "")
            .await?;
    }
    for (instance, orchestration) in demos {
        match client
            .wait_for_orchestration(instance, Duration::from_secs(30))
            .await?
        {
            OrchestrationStatus::Completed { output } => println!("{orchestration}: {output}"),
            OrchestrationStatus::Failed { details } => {
                return Err(details.display_message().into());
            }
            OrchestrationStatus::Running | OrchestrationStatus::NotFound => {
                return Err(format!("{instance} has not ended").into());
            }
        }
    }
    runtime.shutdown(None).await;
    Ok(())
}
