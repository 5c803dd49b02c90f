//! The parent's side of a worker process.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use duroxide_provider_tests::servers;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
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
        let output = output
            .ok_or_else(|| Failure::Unavailable("a worker process has no output".to_owned()))?;
        let mut lines = BufReader::new(output).lines();
        let ready = async {
            // A provider may print others.
            while let Ok(Some(line)) = lines.next_line().await {
                if line == READY {
                    return true;
                }
            }
            false
        };
        if timeout(PATIENCE, ready).await != Ok(true) {
            return Err(Failure::Unavailable(format!(
                "a worker process did not begin to work within {} s; see what it said above",
                PATIENCE.as_secs()
            )));
        }
        // It goes on if it prints more than a pipe holds.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, input })
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Usage {
        let id = self.child.id();
        id.map_or_else(Usage::default, |id| Usage::of(&id.to_string()))
    }

    /// Kills it where it stands.
    ///
    /// # Errors
    /// If it has ended by itself before.
    pub(crate) async fn kill(mut self) -> Result<(), Failure> {
        let cannot = || Failure::machine("a worker process cannot be killed");
        if let Some(status) = self.child.try_wait().map_err(cannot())? {
            return Err(ended(status));
        }
        self.child.kill().await.map_err(cannot())
    }

    /// Lets it end in good order.
    ///
    /// # Errors
    /// If it has ended otherwise, or does not.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        drop(self.input.take());
        let status = timeout(PATIENCE, self.child.wait()).await;
        let silent = "a worker process does not end when it should";
        let status = status.map_err(|_| Failure::Unavailable(silent.to_owned()))?;
        let status = status.map_err(Failure::machine("a worker process cannot be waited for"))?;
        if status.success() {
            return Ok(());
        }
        Err(ended(status))
    }
}

fn ended(status: ExitStatus) -> Failure {
    Failure::Unavailable(format!(
        "a worker process ended by itself, with {status}; what it said is above"
    ))
}
