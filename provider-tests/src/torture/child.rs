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

/// How many lines a provider may print while it is opened.
const LINES_BEFORE_READY_MAX: usize = 1_000;

/// A worker process, which is killed when this is dropped.
pub(super) struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<Line>,
}

/// A line of a worker, and on which stream it was.
struct Line {
    stream: Stream,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

impl Line {
    /// What it says to the ledger, for which nothing on standard error is right.
    fn said(self) -> String {
        match self.stream {
            Stream::Out => self.text,
            Stream::Err => format!("error on stderr: {}", self.text),
        }
    }
}

impl Worker {
    /// Starts a worker and waits until it is ready; answers also what the provider has printed until
    /// then, which is its own affair.
    pub(super) fn start(scene: &Scene) -> Result<(Self, Vec<String>), Failure> {
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
            forward(stdout, Stream::Out, sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, Stream::Err, sender);
        }
        let orders = child.stdin.take();
        let worker = Self {
            child,
            orders,
            lines,
        };
        let mut printed = Vec::new();
        match worker.await_ready(&mut printed) {
            Ok(()) => Ok((worker, printed)),
            Err(error) => Err(format!(
                "the worker is not ready: {error}; it said:\n{}",
                printed.join("\n")
            )
            .into()),
        }
    }

    /// Waits until it has said on both streams that it is ready: what it prints on one may come later
    /// than what it has printed after that on the other.
    fn await_ready(&self, printed: &mut Vec<String>) -> Result<(), Failure> {
        let mut waits_for = vec![Stream::Out, Stream::Err];
        while !waits_for.is_empty() {
            if printed.len() == LINES_BEFORE_READY_MAX {
                return Err("it prints too much".into());
            }
            let line = self.lines.recv_timeout(PATIENCE)?;
            if line.text == worker::READY && waits_for.contains(&line.stream) {
                waits_for.retain(|stream| *stream != line.stream);
            } else {
                printed.push(line.text);
            }
        }
        Ok(())
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
            Ok(line) => Ok(Some(line.said())),
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
        Ok(self.lines.iter().map(Line::said).collect())
    }

    /// Lets it end by itself; answers what it had said until then.
    pub(super) fn end(mut self) -> Result<Vec<String>, Failure> {
        self.orders = None;
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => said.push(line.said()),
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

fn forward(from: impl Read + Send + 'static, stream: Stream, to: Sender<Line>) {
    thread::spawn(move || {
        for text in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(Line { stream, text }).is_err() {
                return;
            }
        }
    });
}
