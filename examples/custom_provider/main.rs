//! A provider of your own: everything in one file, and the conformance suite that proves it.
//!
//! ```text
//! cargo run  --example custom_provider    an orchestration that outlives its process
//! cargo test --example custom_provider    every case of the suite as a test
//! cargo run  --example custom_provider -- conformance    the suite with a report
//! cargo run  --example custom_provider -- torture        its processes are killed while they work
//! cargo run --release --example custom_provider -- stress    how fast it is, and what that costs
//! ```
//!
//! The provider is the one that `docs/provider-implementation-guide.md` builds step by step.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to the person who runs it"
)]

mod admin;
mod agenda;
mod change;
mod claim;
mod commit;
mod conformance;
mod history;
mod inbox;
mod lease;
mod log;
mod look;
mod message;
mod metrics;
mod options;
mod provider;
mod queues;
mod state;
mod stored;
#[cfg(test)]
mod tests;
mod turn;
mod value;
mod wait;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, Client, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::options::FileOptions;
use crate::provider::FileProvider;

const USAGE: &str = "Usage: custom_provider [conformance | torture | stress]

No argument is needed; `conformance` runs the suite, `torture` kills processes, and `stress`
measures. `conformance --help` and `stress --help` say how.";
const INSTANCE: &str = "order-1";
/// Longer than the first steps take, and too short for somebody to pay.
const MOMENT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// Reserves the goods, waits until somebody has paid, and ships them.
async fn order(ctx: OrchestrationContext, goods: String) -> Result<String, String> {
    let reserved = ctx
        .schedule_activity("Reserve", goods)
        .into_activity()
        .await?;
    let paid = ctx.schedule_wait("Paid").into_event().await;
    Ok(format!("{reserved}, paid with {paid}, shipped"))
}

async fn reserve(_ctx: ActivityContext, goods: String) -> Result<String, String> {
    Ok(format!("{goods} reserved"))
}

async fn start(store: Arc<FileProvider>) -> Arc<runtime::Runtime> {
    let activities = ActivityRegistry::builder()
        .register("Reserve", reserve)
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Order", order)
        .build();
    runtime::Runtime::start_with_store(store, Arc::new(activities), orchestrations).await
}

/// Starts the order, and goes away while it waits for the payment.
async fn first_run(path: &Path) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(FileProvider::open(path, FileOptions::default()).await?);
    let runtime = start(Arc::clone(&store)).await;
    let client = Client::new(Arc::clone(&store) as Arc<dyn Provider>);
    client
        .start_orchestration(INSTANCE, "Order", "a lamp")
        .await?;
    let waited = client.wait_for_orchestration(INSTANCE, MOMENT).await;
    println!("first run: has the order ended? {}", waited.is_ok());
    runtime.shutdown(None).await;
    store.close().await;
    Ok(())
}

/// Opens the file again, and pays.
async fn second_run(path: &Path) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(FileProvider::open(path, FileOptions::default()).await?);
    let runtime = start(Arc::clone(&store)).await;
    let client = Client::new(Arc::clone(&store) as Arc<dyn Provider>);
    client.raise_event(INSTANCE, "Paid", "a card").await?;
    let status = client.wait_for_orchestration(INSTANCE, PATIENCE).await?;
    runtime.shutdown(None).await;
    let OrchestrationStatus::Completed { output } = status else {
        return Err(format!("the order has not completed: {status:?}").into());
    };
    println!("second run: {output}");
    for event in store.read(INSTANCE).await? {
        println!("  event {}: {:?}", event.event_id, event.kind);
    }
    store.close().await;
    Ok(())
}

/// Shows what is in the file, each line up to a width.
fn show(path: &Path) -> Result<(), Box<dyn Error>> {
    const CHARACTERS_MAX: usize = 96;
    let text = fs::read_to_string(path)?;
    println!("the file has {} lines:", text.lines().count());
    for line in text.lines() {
        let beginning: String = line.chars().take(CHARACTERS_MAX).collect();
        println!("  {beginning}");
    }
    Ok(())
}

async fn two_runs() -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    let path = folder.path().join("orders");
    first_run(&path).await?;
    show(&path)?;
    second_run(&path).await
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        None => Runtime::new()
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(two_runs())),
        Some("--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        Some("conformance" | "torture") => {
            return duroxide_provider_tests::main(conformance::subject(), arguments);
        }
        Some("stress") => {
            return duroxide_stress::main("file", conformance::FileFixture, arguments);
        }
        Some(other) => Err(format!("what is `{other}`?\n\n{USAGE}").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
