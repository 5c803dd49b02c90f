//! A worker: a runtime on the store, and a client that does what its standard input says.
//!
//! It says on its standard output what was acknowledged, a line for each call that came back, and
//! ends when its input does.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::{SqliteMode, SqliteOptions, SqliteProvider};
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide::{Client, ClientError, OrchestrationStatus};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

use crate::{Failure, shape};

/// The argument that makes a worker of this program.
pub(crate) const COMMAND: &str = "worker";
/// How long a worker waits for an orchestration.
const PATIENCE: Duration = Duration::from_secs(120);
/// Short, so that what a dead process held is soon free.
const LEASE: Duration = Duration::from_secs(2);

pub(crate) fn run(url: &str, mode: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work(url, mode))
}

/// Opens the store as the workers do.
pub(crate) async fn open(url: &str, mode: &str) -> Result<SqliteProvider, Failure> {
    let mode = match mode {
        "multi_process" => SqliteMode::MultiProcess,
        _ => SqliteMode::SingleProcess,
    };
    let options = SqliteOptions::default().mode(mode);
    Ok(SqliteProvider::new(url, Some(options)).await?)
}

async fn work(url: &str, mode: &str) -> Result<(), Failure> {
    let store: Arc<dyn Provider> = Arc::new(open(url, mode).await?);
    let options = RuntimeOptions {
        shadow_replay: true,
        orchestrator_lock_timeout: LEASE,
        worker_lock_timeout: LEASE,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::start_with_options(
        Arc::clone(&store),
        Arc::new(shape::activities()),
        shape::orchestrations(),
        options,
    )
    .await;
    let client = Client::new(Arc::clone(&store));
    println!("ready");
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let client = client.clone();
        tokio::spawn(async move {
            if let Err(error) = obey(&client, &line).await {
                println!("error {line}: {error}");
            }
        });
    }
    runtime.shutdown(None).await;
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
            let end = client.wait_for_orchestration(instance, PATIENCE).await?;
            if let OrchestrationStatus::Completed { output } = end {
                println!("ended {instance} {output}");
            } else {
                println!("error {instance} ended otherwise: {end:?}");
            }
        }
        ["raise", instance, event] => {
            let datum = shape::datum(instance, event);
            client.raise_event(*instance, *event, datum).await?;
            println!("raised {instance} {event}");
        }
        _ => println!("error no such order"),
    }
    Ok(())
}
