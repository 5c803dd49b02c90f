//! A process that is killed in the middle of an orchestration, and one that finishes its work.
//!
//! The parent starts itself as a child, kills it (SIGKILL) when it has done step 5 of ten, starts
//! it again, and then reads in the store that each step is recorded once.
#![allow(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]

mod common;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers;
use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, Client, Event, EventKind, OrchestrationContext, OrchestrationRegistry,
    OrchestrationStatus,
};

use common::Backend;

const INSTANCE: &str = "ten-steps-1";
const STEPS: u32 = 10;
/// In the child's environment: the URL of the store to work on.
const CHILD_URL: &str = "DUROXIDE_CRASH_RECOVERY_URL";

async fn ten_steps(ctx: OrchestrationContext, _input: String) -> Result<String, String> {
    for step in 1..=STEPS {
        ctx.schedule_activity("Step", step.to_string())
            .into_activity()
            .await?;
        ctx.schedule_timer(Duration::from_millis(150))
            .into_timer()
            .await;
    }
    Ok(format!("{STEPS} steps done"))
}

async fn step(_ctx: ActivityContext, number: String) -> Result<String, String> {
    println!("step {number}");
    Ok(format!("result of step {number}"))
}

/// Works on the store until the orchestration has ended.
async fn child(url: &str) -> Result<(), Box<dyn Error>> {
    let store = providers::connect(url).await?;
    let activities = ActivityRegistry::builder().register("Step", step).build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("TenSteps", ten_steps)
        .build();
    let runtime =
        Runtime::start_with_store(Arc::clone(&store), Arc::new(activities), orchestrations).await;
    let client = Client::new(store);
    // The second process starts it too: a start of an id that exists does nothing.
    client.start_orchestration(INSTANCE, "TenSteps", "").await?;
    client
        .wait_for_orchestration(INSTANCE, Duration::from_secs(60))
        .await?;
    runtime.shutdown(None).await;
    Ok(())
}

/// Starts this program again as a child, repeats what it prints until it ends, and kills it when it
/// has printed one line.
fn run_child(url: &str, kill_after: Option<&str>) -> Result<ExitStatus, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.env(CHILD_URL, url).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("the child has no output")?;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("  child {}: {line}", child.id());
        if Some(line.as_str()) == kill_after {
            child.kill()?;
        }
    }
    Ok(child.wait()?)
}

#[tokio::main]
async fn main() -> ExitCode {
    match std::env::var(CHILD_URL) {
        Ok(url) => common::exit_code(child(&url).await),
        Err(_) => common::run(parent).await,
    }
}

async fn parent(backend: Backend) -> Result<(), Box<dyn Error>> {
    let status = run_child(&backend.url, Some("step 5"))?;
    println!("the first child was killed: {status}");
    let status = run_child(&backend.url, None)?;
    println!("the second child has ended: {status}");

    let client = Client::new(backend.connect().await?);
    let status = client.get_orchestration_status(INSTANCE).await?;
    let OrchestrationStatus::Completed { output } = status else {
        return Err("the orchestration has not completed".into());
    };
    let history = client.read_execution_history(INSTANCE, 1).await?;
    for step in 1..=STEPS {
        let expected = format!("result of step {step}");
        let is_record = |event: &&Event| matches!(&event.kind, EventKind::ActivityCompleted { result } if *result == expected);
        let records = history.iter().filter(is_record).count();
        println!("step {step} is recorded {records} time(s)");
        if records != 1 {
            return Err(format!("step {step} must be recorded once").into());
        }
    }
    println!("{output}, each recorded exactly once");
    Ok(())
}
