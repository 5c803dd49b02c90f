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
workload                       backend   pieces  a second       p50       p99   commits       ments     written  used s     MiB";

pub(crate) fn line(name: &str, backend: Backend, cost: &Cost, note: &str) -> String {
    let pieces = cost.pieces.max(1) as f64;
    let per_piece =
        |count: Option<u64>| or_dash(count.map(|count| format!("{:.2}", count as f64 / pieces)));
    let commits = per_piece(cost.counts.and_then(|counts| counts.durable_commits));
    let statements = per_piece(cost.counts.map(|counts| counts.statements));
    let bytes = cost.written_bytes.map(|bytes| bytes as f64 / pieces);
    let bytes = or_dash(bytes.map(|bytes| format!("{bytes:.0}")));
    let cpu = or_dash(cost.cpu_seconds.map(|seconds| format!("{seconds:.2}")));
    let memory = count(cost.peak_memory_mib);
    let line = format!(
        "{name:<30} {:<8} {:>7} {:>9.0} {:>9} {:>9} {commits:>9} {statements:>11} {bytes:>11} {cpu:>7} {memory:>7}  {note}",
        backend.name(),
        cost.pieces,
        cost.per_second(),
        time(cost.percentile(50)),
        time(cost.percentile(99)),
    );
    line.trim_end().to_owned()
}

fn time(time: Option<Duration>) -> String {
    or_dash(time.map(|time| format!("{time:.2?}")))
}

/// A count, if it is known.
pub(crate) fn count(count: Option<u64>) -> String {
    or_dash(count.map(|count| count.to_string()))
}

fn or_dash(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "-".to_owned())
}
