//! What this process uses: processor time and memory. Only Linux tells it.

use std::fs;

/// The unit of `utime` and `stime` in `/proc/self/stat` (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;
/// In which place behind the program's name the times are.
const USER_TIME: usize = 11;

/// The processor time of all threads so far, in user and in system mode.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name is in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(USER_TIME).take(2);
    let ticks: u64 = ticks.map(|it| it.parse::<u64>().unwrap_or(0)).sum();
    Some(ticks as f64 / TICKS_PER_SECOND)
}

/// The most memory that it ever had, in MiB.
pub(crate) fn peak_memory_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}
