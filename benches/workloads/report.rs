//! The table.

use std::time::Duration;

use super::meter::Cost;
use super::stage::Backend;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) cost: Cost,
    pub(crate) note: String,
}

pub(crate) const HEADER: &str = "\
                                                                               each piece of work:
                                                                               durable      state-       bytes     CPU  memory
workload                       backend  pieces  a second       p50       p99   commits       ments     written  used s     MiB";

pub(crate) fn line(name: &str, backend: Backend, cost: &Cost, note: &str) -> String {
    let pieces = cost.pieces.max(1) as f64;
    let per_piece = |count: Option<u64>| {
        count.map_or_else(
            || "-".to_owned(),
            |count| format!("{:.2}", count as f64 / pieces),
        )
    };
    let commits = per_piece(cost.stats.map(|stats| stats.durable_commits));
    let statements = per_piece(cost.stats.map(|stats| stats.statements));
    let line = format!(
        "{name:<30} {:<7} {:>7} {:>9.0} {:>9} {:>9} {commits:>9} {statements:>11} {:>11.0} {:>7.2} {:>7}  {note}",
        backend.name(),
        cost.pieces,
        cost.per_second(),
        time(cost.percentile(50)),
        time(cost.percentile(99)),
        cost.written_bytes as f64 / pieces,
        cost.cpu_seconds,
        cost.peak_memory_mib,
    );
    line.trim_end().to_owned()
}

fn time(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.2?}"))
}
