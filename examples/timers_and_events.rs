//! A request that waits for a person, and does not wait for ever.
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

const PATIENCE: Duration = Duration::from_secs(1);

/// Asks a person, and takes silence for a no. The timer and the wait outlive any process: the
/// answer may as well take a week.
async fn approval(ctx: OrchestrationContext, request: String) -> Result<String, String> {
    ctx.schedule_activity("AskManager", request.as_str())
        .into_activity()
        .await?;
    let timeout = ctx.schedule_timer(PATIENCE);
    let answer = ctx.schedule_wait("Answer");
    // The one that history has first wins; the other one is cancelled.
    match ctx.select2(timeout, answer).await {
        (_, DurableOutput::External(answer)) => Ok(format!("{request}: {answer}")),
        _ => Ok(format!("{request}: nobody answered in time")),
    }
}

async fn ask_manager(_ctx: ActivityContext, request: String) -> Result<String, String> {
    println!("dear manager, please decide about {request:?}");
    Ok(String::new())
}

#[tokio::main]
async fn main() -> ExitCode {
    common::run(example).await
}

async fn example(backend: Backend) -> Result<(), Box<dyn Error>> {
    let store = backend.connect().await?;

    let activities = ActivityRegistry::builder()
        .register("AskManager", ask_manager)
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Approval", approval)
        .build();
    let runtime =
        Runtime::start_with_store(Arc::clone(&store), Arc::new(activities), orchestrations).await;

    let client = Client::new(store);
    client
        .start_orchestration("holiday", "Approval", "two weeks of holiday")
        .await?;
    client
        .start_orchestration("rise", "Approval", "a pay rise")
        .await?;
    // An event that comes before the orchestration waits for it is kept.
    client.raise_event("holiday", "Answer", "approved").await?;

    for instance in ["holiday", "rise"] {
        match client
            .wait_for_orchestration(instance, Duration::from_secs(30))
            .await?
        {
            OrchestrationStatus::Completed { output } => println!("{output}"),
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
