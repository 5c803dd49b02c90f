//! The machine on which it was measured.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

/// One page of a database.
const PAGE: [u8; 4096] = [7; 4096];
/// How many pages are written to learn how fast the disk is, and for how long at most.
const PAGES: usize = 200;
const FLUSHES_FOR_MAX: Duration = Duration::from_secs(2);

/// The machine on which it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) system: String,
    pub(crate) processor: Option<String>,
    pub(crate) processors: usize,
    pub(crate) memory_mib: Option<u64>,
    /// How long one page and `fdatasync` take in the current folder, in the median: nothing durable is faster.
    pub(crate) flush_ms: Option<f64>,
}

impl Machine {
    /// This one, with the disk of this folder.
    pub(crate) fn this(folder: &Path) -> Self {
        Self {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: field("/proc/cpuinfo", "model name"),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory_mib(),
            flush_ms: flush_ms(folder),
        }
    }
}

/// What is behind the name and the colon in one of Linux's files.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_mib() -> Option<u64> {
    let total = field("/proc/meminfo", "MemTotal")?;
    let kib: u64 = total.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

/// Appends pages to a file, each followed by `fdatasync`.
fn flush_ms(folder: &Path) -> Option<f64> {
    let file = tempfile::NamedTempFile::new_in(folder).ok()?;
    let mut file: &File = file.as_file();
    let began = SystemClock.elapsed();
    let mut times = Vec::new();
    while times.len() < PAGES && SystemClock.elapsed().saturating_sub(began) < FLUSHES_FOR_MAX {
        let before = SystemClock.elapsed();
        file.write_all(&PAGE).ok()?;
        file.sync_data().ok()?;
        times.push(SystemClock.elapsed().saturating_sub(before));
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2)?;
    Some(median.as_secs_f64() * 1_000.0)
}
