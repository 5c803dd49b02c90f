//! What a workload used: commits, statements, bytes, processor time, memory.

use std::fs;
use std::time::{Duration, Instant};

use super::Failure;
use super::stage::Stage;

/// The unit of `utime` and `stime` in `/proc/self/stat` on Linux (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// What was asked of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) statements: u64,
    pub(crate) durable_commits: Option<u64>,
}

/// A look at the counters. Those of the process are Linux's; elsewhere there are none.
struct Reading {
    at: Instant,
    counts: Option<Counts>,
    /// Everything that was given to a write call (proc(5), `wchar`).
    written_bytes: Option<u64>,
    cpu_seconds: Option<f64>,
}

/// Measures from one moment to another.
pub(crate) struct Meter {
    from: Reading,
}

/// What so many pieces of work cost.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    pub(crate) pieces: usize,
    pub(crate) took: Duration,
    /// How long each piece took, in order of length; empty where they are not told apart.
    pub(crate) times: Vec<Duration>,
    pub(crate) counts: Option<Counts>,
    pub(crate) written_bytes: Option<u64>,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) peak_memory_mib: Option<u64>,
}

impl Meter {
    pub(crate) async fn start(stage: &Stage) -> Result<Self, Failure> {
        Ok(Self {
            from: Reading::take(stage).await?,
        })
    }

    pub(crate) async fn stop(
        self,
        stage: &Stage,
        pieces: usize,
        mut times: Vec<Duration>,
    ) -> Result<Cost, Failure> {
        let to = Reading::take(stage).await?;
        times.sort_unstable();
        Ok(Cost {
            pieces,
            took: to.at - self.from.at,
            times,
            counts: to.counts.zip(self.from.counts).map(difference),
            written_bytes: to
                .written_bytes
                .zip(self.from.written_bytes)
                .map(|(to, from)| to - from),
            cpu_seconds: to
                .cpu_seconds
                .zip(self.from.cpu_seconds)
                .map(|(to, from)| to - from),
            peak_memory_mib: field("/proc/self/status", "VmHWM:").map(|kib| kib / 1024),
        })
    }
}

impl Reading {
    async fn take(stage: &Stage) -> Result<Self, Failure> {
        Ok(Self {
            at: Instant::now(),
            counts: stage.counts().await?,
            written_bytes: field("/proc/self/io", "wchar:"),
            cpu_seconds: cpu_seconds(),
        })
    }
}

impl Cost {
    pub(crate) fn per_second(&self) -> f64 {
        self.pieces as f64 / self.took.as_secs_f64()
    }

    /// The time that this part of the pieces kept within.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let last = self.times.len().checked_sub(1)?;
        self.times.get(last * percent / 100).copied()
    }
}

fn difference((to, from): (Counts, Counts)) -> Counts {
    Counts {
        statements: to.statements - from.statements,
        durable_commits: to
            .durable_commits
            .zip(from.durable_commits)
            .map(|(to, from)| to - from),
    }
}

/// The resident memory of this process, in MiB.
pub(crate) fn resident_mib() -> Option<u64> {
    Some(field("/proc/self/status", "VmRSS:")? / 1024)
}

/// The number behind a name in one of Linux's process files.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The processor time of all threads, in user and in system mode.
fn cpu_seconds() -> Option<f64> {
    const USER_TIME: usize = 11;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(USER_TIME).take(2);
    let mut sum = 0_u64;
    for tick in ticks {
        sum += tick.parse::<u64>().ok()?;
    }
    Some(sum as f64 / TICKS_PER_SECOND)
}
