//! What a workload used: commits, statements, bytes, processor time, memory.

use std::fs;
use std::time::{Duration, Instant};

use duroxide::providers::sqlite::SqliteStats;

use super::stage::Stage;

/// The unit of `utime` and `stime` in `/proc/self/stat` on Linux (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// A look at the counters. Those of the process are Linux's; elsewhere there are none.
struct Reading {
    at: Instant,
    stats: Option<SqliteStats>,
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
    pub(crate) stats: Option<SqliteStats>,
    pub(crate) written_bytes: Option<u64>,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) peak_memory_mib: Option<u64>,
}

impl Meter {
    pub(crate) fn start(stage: &Stage) -> Self {
        Self {
            from: Reading::take(stage),
        }
    }

    pub(crate) fn stop(self, stage: &Stage, pieces: usize, mut times: Vec<Duration>) -> Cost {
        let to = Reading::take(stage);
        times.sort_unstable();
        Cost {
            pieces,
            took: to.at - self.from.at,
            times,
            stats: to.stats.zip(self.from.stats).map(difference),
            written_bytes: to
                .written_bytes
                .zip(self.from.written_bytes)
                .map(|(to, from)| to - from),
            cpu_seconds: to
                .cpu_seconds
                .zip(self.from.cpu_seconds)
                .map(|(to, from)| to - from),
            peak_memory_mib: field("/proc/self/status", "VmHWM:").map(|kib| kib / 1024),
        }
    }
}

impl Reading {
    fn take(stage: &Stage) -> Self {
        Self {
            at: Instant::now(),
            stats: stage.stats(),
            written_bytes: field("/proc/self/io", "wchar:"),
            cpu_seconds: cpu_seconds(),
        }
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

fn difference((to, from): (SqliteStats, SqliteStats)) -> SqliteStats {
    let mut stats = to;
    stats.statements -= from.statements;
    stats.durable_commits -= from.durable_commits;
    stats.unsynced_commits -= from.unsynced_commits;
    stats
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
