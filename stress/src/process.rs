//! What processes use: processor time and memory. Only Linux tells it.

use std::fs;
use std::path::Path;

/// The unit of `utime` and `stime` in `/proc/self/stat` (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;
/// In which place behind the program's name the times are.
const USER_TIME: usize = 11;

/// What processes have used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    /// The processor time of all threads, in user and in system mode.
    pub(crate) cpu_s: Option<f64>,
    /// The most memory that it ever had.
    pub(crate) peak_memory_mib: Option<u64>,
}

impl Usage {
    /// Of this process.
    pub(crate) fn now() -> Self {
        Self::of("self")
    }

    /// Of a process of this machine, by its number.
    pub(crate) fn of(process: &str) -> Self {
        let folder = Path::new("/proc").join(process);
        Self {
            cpu_s: cpu_seconds(&folder.join("stat")),
            peak_memory_mib: peak_memory_mib(&folder.join("status")),
        }
    }

    /// Of both: the time of all, and the memory of the largest.
    pub(crate) fn and(self, other: Self) -> Self {
        let cpu_s = [self.cpu_s, other.cpu_s].into_iter().flatten();
        let is_known = self.cpu_s.or(other.cpu_s).is_some();
        Self {
            cpu_s: is_known.then(|| cpu_s.sum()),
            peak_memory_mib: self.peak_memory_mib.max(other.peak_memory_mib),
        }
    }
}

/// Lets the peak of this process's memory begin anew (proc(5), `clear_refs`). Where that cannot be, it is that of
/// everything so far.
pub(crate) fn forget_peak_memory() {
    fs::write("/proc/self/clear_refs", "5").unwrap_or_default();
}

/// The processor time so far of the threads of this process that have this name.
pub(crate) fn cpu_seconds_of_threads(name: &str) -> Option<f64> {
    let mut sum = 0.0;
    for thread in fs::read_dir("/proc/self/task").ok()? {
        let folder = thread.ok()?.path();
        // One that has just ended is not there any more.
        if fs::read_to_string(folder.join("comm")).is_ok_and(|it| it.trim() == name) {
            sum += cpu_seconds(&folder.join("stat")).unwrap_or_default();
        }
    }
    Some(sum)
}

fn cpu_seconds(file: &Path) -> Option<f64> {
    let stat = fs::read_to_string(file).ok()?;
    // The name is in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(USER_TIME).take(2);
    let ticks: u64 = ticks.map(|it| it.parse::<u64>().unwrap_or(0)).sum();
    Some(ticks as f64 / TICKS_PER_SECOND)
}

fn peak_memory_mib(file: &Path) -> Option<u64> {
    let status = fs::read_to_string(file).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}
