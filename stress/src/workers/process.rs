//! The parent's side of a worker process.

use std::process::Stdio;
use std::time::Duration;

use duroxide_provider_tests::servers;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::order::{Order, VARIABLE};
use super::worker::READY;
use crate::failure::Failure;
use crate::process::Usage;

/// How long a worker may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker process, which is killed when this is dropped.
pub(crate) struct WorkerProcess {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl WorkerProcess {
    /// Starts one, and waits until it works.
    pub(crate) async fn start(order: &Order) -> Result<Self, Failure> {
        let cannot = || Failure::machine("no worker process can be started");
        let order = serde_json::to_string(order).map_err(|error| cannot()(error.into()))?;
        let program = std::env::current_exe().map_err(cannot())?;
        let mut command = Command::new(program);
        command
            .args(std::env::args_os().skip(1))
            .env(VARIABLE, order)
            .envs(servers::environment())
            // Warnings are to be expected where something is killed.
            .env("RUST_LOG", "off")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C is for the parent, which ends its workers in good order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(cannot())?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or_else(silent)?;
        let mut worker = Self {
            child,
            input,
            lines: BufReader::new(output).lines(),
        };
        worker.line_that(|line| line == READY).await?;
        Ok(worker)
    }

    /// Kills it where it stands.
    pub(crate) async fn kill(mut self) -> Result<(), Failure> {
        let killed = self.child.kill().await;
        killed.map_err(Failure::machine("a worker process cannot be killed"))
    }

    /// Lets it end in good order, and answers what it used.
    pub(crate) async fn end(mut self) -> Result<Usage, Failure> {
        drop(self.input.take());
        let line = self.line_that(|line| line.starts_with('{')).await?;
        serde_json::from_str(&line).map_err(|_| silent())
    }

    /// Its next line that is like this. A provider may print others.
    async fn line_that(
        &mut self,
        is_it: impl Fn(&str) -> bool + Send + Sync,
    ) -> Result<String, Failure> {
        let search = async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                if is_it(&line) {
                    return Ok(line);
                }
            }
            Err(silent())
        };
        let found = timeout(PATIENCE, search).await;
        found.unwrap_or_else(|_| Err(silent()))
    }
}

fn silent() -> Failure {
    Failure::Unavailable("a worker process has ended, or says nothing; see above".to_owned())
}
