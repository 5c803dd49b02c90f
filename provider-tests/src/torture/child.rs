//! The parent's side of a worker.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::scene::Scene;
use super::{Failure, worker};

/// How long a worker may take to be ready, and to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(30);

/// A worker process, which is killed when this is dropped.
pub(super) struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Worker {
    /// Starts a worker and waits until it is ready.
    pub(super) fn start(scene: &Scene) -> Result<Self, Failure> {
        // The same program with the same words comes to the same place, where it sees the variable.
        let mut child = Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .env(worker::FOLDER_VARIABLE, scene.folder())
            // Warnings are to be expected, for example of a start that is repeated after a kill.
            .env("RUST_LOG", "error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            forward(stdout, "", sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, "error on stderr: ", sender);
        }
        let orders = child.stdin.take();
        let worker = Self {
            child,
            orders,
            lines,
        };
        match worker.lines.recv_timeout(PATIENCE) {
            Ok(line) if line == "ready" => Ok(worker),
            Ok(line) => Err(format!("the worker began with {line:?}").into()),
            Err(error) => Err(format!("the worker is not ready: {error}").into()),
        }
    }

    /// Gives an order. A worker that is gone does not take it, and is seen to be gone elsewhere.
    pub(super) fn order(&mut self, order: &str) {
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "{order}").ok();
        }
    }

    /// The next line it has said, if there is one within this time.
    pub(super) fn line(&self, within: Duration) -> Result<Option<String>, Failure> {
        match self.lines.recv_timeout(within) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err("a worker ended by itself".into()),
        }
    }

    /// Kills it (SIGKILL); answers what it had said until then.
    pub(super) fn kill(mut self) -> Result<Vec<String>, Failure> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("a worker ended by itself with {status}").into());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.lines.iter().collect())
    }

    /// Lets it end by itself; answers what it had said until then.
    pub(super) fn end(mut self) -> Result<Vec<String>, Failure> {
        self.orders = None;
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err("a worker does not end".into()),
            }
        }
        // Its output has been closed, which a process does when it ends.
        let status = self.child.wait()?;
        if !status.success() {
            let said = said.join("\n");
            return Err(format!("a worker ended with {status}\n{said}").into());
        }
        Ok(said)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail if it has ended, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn forward(from: impl Read + Send + 'static, prefix: &'static str, to: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(format!("{prefix}{line}")).is_err() {
                return;
            }
        }
    });
}
