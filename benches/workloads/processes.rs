//! Worker processes on one store: two may not be in each other's way.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use duroxide::runtime::{Runtime, RuntimeOptions};

use super::Failure;
use super::hello;
use super::report::Row;
use super::server;
use super::stage::{Backend, Stage};
use super::workload::Size;

/// A process with a runtime, which ends with its input.
struct Worker {
    child: Child,
    input: Option<ChildStdin>,
}

impl Worker {
    fn start(backend: Backend, url: &str, place: &str) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--worker", backend.name(), url, place])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut ready = [0];
        if let Some(output) = &mut child.stdout {
            output.read_exact(&mut ready)?;
        }
        let input = child.stdin.take();
        Ok(Self { child, input })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.wait().map(drop).ok();
    }
}

/// What a worker process does.
pub(crate) fn work(backend: Backend, url: &str, place: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = server::open(backend, url, place).await?;
        let (activities, orchestrations) = hello::code();
        let worker = Runtime::start_with_options(
            Arc::clone(&store),
            Arc::new(activities),
            orchestrations,
            RuntimeOptions::default(),
        )
        .await;
        std::io::stdout().write_all(b"r")?;
        std::io::stdout().flush()?;
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        ended.await??;
        worker.shutdown(None).await;
        store.close().await;
        Ok(())
    })
}

/// This process only starts orchestrations and waits for them. The two numbers of workers take turns,
/// since the machine's speed changes; the best of each is compared.
pub(crate) async fn run(backend: Backend, size: Size) -> Result<Vec<Row>, Failure> {
    let stage = Arc::new(Stage::without_runtime(backend).await?);
    let Some(server) = &stage.server else {
        return Err("there is no server".into());
    };
    let mut best: [Option<super::meter::Cost>; 2] = [None, None];
    for round in 0..size.of(1, 3) {
        for (count, best) in (1..=2).zip(&mut best) {
            let mut workers = Vec::new();
            for _ in 0..count {
                workers.push(Worker::start(backend, server.url(), server.place())?);
            }
            let prefix = format!("{count}-{round}");
            let cost = hello::in_flight(&stage, &prefix, size.of(1, 40)).await?;
            drop(workers);
            if best
                .as_ref()
                .is_none_or(|it| it.per_second() < cost.per_second())
            {
                *best = Some(cost);
            }
        }
    }
    let [Some(one), Some(two)] = best else {
        return Err("nothing was measured".into());
    };
    let ratio = two.per_second() / one.per_second();
    if let Some(stage) = Arc::into_inner(stage) {
        stage.close().await;
    }
    let row = |name: &str, cost, note| Row {
        name: name.to_owned(),
        cost,
        note,
    };
    Ok(vec![
        row("hello, one worker process", one, String::new()),
        row(
            "hello, two worker processes",
            two,
            format!("{ratio:.2} times as many"),
        ),
    ])
}
