//! A worker: a runtime on the store, and a client that does what its standard input says.
//!
//! It says that it is ready; what a provider prints before that is passed over. Then it says on its
//! standard output what was acknowledged, a line for each call that came back, and ends when its input has ended, everything that was asked is done and the queues are empty.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a worker talks to its parent on its standard output and says why it failed on the other"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide_core::providers::QueueDepths;
use duroxide_core::runtime::RuntimeOptions;
use duroxide_core::{Client, ClientError, OrchestrationStatus};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::scene::Scene;
use super::{Failure, code, shape};

/// What makes a worker of this program: the folder of its store.
pub(super) const FOLDER_VARIABLE: &str = "DUROXIDE_TORTURE_FOLDER";
/// What it says on both streams once it takes orders.
pub(super) const READY: &str = "ready";
/// How long a worker waits for an orchestration.
const PATIENCE: Duration = Duration::from_secs(120);
/// Short, so that what a dead process held is soon free.
const LEASE: Duration = Duration::from_secs(2);
/// How long the last leftovers may take, which is a few leases, and how often is looked.
const DRAIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn run(scene: &Scene) -> Result<(), Failure> {
    runtime()?.block_on(work(scene))
}

pub(super) fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// Says why this worker could not go on.
pub(super) fn fail(error: &Failure) -> ExitCode {
    eprintln!("FAILED: {error}");
    ExitCode::FAILURE
}

async fn work(scene: &Scene) -> Result<(), Failure> {
    let store = scene.open().await?;
    let options = RuntimeOptions {
        shadow_replay: true,
        orchestrator_lock_timeout: LEASE,
        worker_lock_timeout: LEASE,
        ..RuntimeOptions::default()
    };
    let node = duroxide_core::runtime::Runtime::start_with_options(
        Arc::clone(&store),
        Arc::new(code::activities()),
        code::orchestrations(),
        options,
    )
    .await;
    let client = Client::new(Arc::clone(&store));
    println!("{READY}");
    eprintln!("{READY}");
    let mut lines = BufReader::new(stdin()).lines();
    let mut tasks = JoinSet::new();
    while let Some(line) = lines.next_line().await? {
        while tasks.try_join_next().is_some() {}
        let client = client.clone();
        tasks.spawn(async move {
            if let Err(error) = obey(&client, &line).await {
                println!("error {line}: {error}");
            }
        });
    }
    tasks.join_all().await;
    drain(&client).await?;
    node.shutdown(None).await;
    store.close().await;
    Ok(())
}

async fn obey(client: &Client, line: &str) -> Result<(), ClientError> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["start", instance, orchestration] => {
            client
                .start_orchestration(*instance, *orchestration, "")
                .await?;
            println!("started {instance}");
            wait(client, instance).await?;
        }
        ["wait", instance] => wait(client, instance).await?,
        ["raise", instance, event] => {
            let datum = shape::datum(instance, event);
            client.raise_event(*instance, *event, datum).await?;
            println!("raised {instance} {event}");
        }
        ["cancel", instance] => {
            client.cancel_instance(*instance, shape::REASON).await?;
            println!("cancelled {instance}");
        }
        _ => println!("error no such order"),
    }
    Ok(())
}

async fn wait(client: &Client, instance: &str) -> Result<(), ClientError> {
    let status = client.wait_for_orchestration(instance, PATIENCE).await?;
    println!("ended {instance} {}", end(&status));
    Ok(())
}

/// How an instance stands, in words.
pub(super) fn end(status: &OrchestrationStatus) -> String {
    match status {
        OrchestrationStatus::Completed { output } => format!("completed: {output}"),
        OrchestrationStatus::Failed { details } => format!("failed: {}", details.display_message()),
        OrchestrationStatus::NotFound => "not there".to_owned(),
        OrchestrationStatus::Running => "running".to_owned(),
    }
}

/// Waits until nothing is left to do: repeated messages to instances that have ended, and the ends
/// of children whose parents were cancelled.
async fn drain(client: &Client) -> Result<(), ClientError> {
    let until = Instant::now() + DRAIN;
    loop {
        let depths = client.get_queue_depths().await?;
        if depths == QueueDepths::default() {
            return Ok(());
        }
        if Instant::now() > until {
            println!("error something is left over: {depths:?}");
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
