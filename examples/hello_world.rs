//! One orchestration that runs one activity, on a SQLite file.
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
    ActivityContext, Client, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus,
};

use common::Backend;

/// An orchestration decides what happens, and in which order. It must be deterministic.
async fn hello_world(ctx: OrchestrationContext, name: String) -> Result<String, String> {
    ctx.trace_info("hello started");
    let greeting = ctx.schedule_activity("Hello", name).into_activity().await?;
    ctx.trace_info("hello done");
    Ok(greeting)
}

/// An activity does the work. It may do anything, and may be run again after a crash.
async fn hello(_ctx: ActivityContext, name: String) -> Result<String, String> {
    Ok(format!("Hello, {name}!"))
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

    let client = Client::new(store);
    client
        .start_orchestration("hello-1", "HelloWorld", "Rust")
        .await?;
    let status = client
        .wait_for_orchestration("hello-1", Duration::from_secs(30))
        .await?;
    runtime.shutdown(None).await;

    match status {
        OrchestrationStatus::Completed { output } => {
            println!("The orchestration says: {output}");
            Ok(())
        }
        OrchestrationStatus::Failed { details } => Err(details.display_message().into()),
        OrchestrationStatus::Running | OrchestrationStatus::NotFound => {
            Err("the orchestration has not ended".into())
        }
    }
}
