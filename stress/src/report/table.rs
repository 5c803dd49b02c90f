//! What was measured, as tables.

use super::grid::{Grid, figure};
use super::{Figures, Outcome, Report, Run};
use crate::limit::{Tried, knee};

/// From which part of a processor on the load generator may be what limits a run.
const BUSY: f64 = 0.9;

/// The tables of a report for a terminal, and below them what is wrong.
pub(crate) fn table(report: &Report) -> String {
    let grids = [speed(report), costs(report).without_empty_columns()];
    let grids = grids.iter().filter(|it| !it.is_empty()).map(Grid::text);
    let mut text = grids.collect::<Vec<_>>().join("\n");
    for note in notes(report) {
        text.push('\n');
        text.push_str(&note);
        text.push('\n');
    }
    text
}

/// How fast everything was.
pub(crate) fn speed(report: &Report) -> Grid {
    let header = [
        "workload", "backend", "load", "a second", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms",
        "max ms", "drain s",
    ];
    let mut grid = Grid::new(3, header);
    for (run, figures) in report.all_figures() {
        let latency = &figures.measured.latency_ms;
        let mut row = words(run);
        let of_run = [
            figures.measured.per_second,
            latency.p50,
            latency.p90,
            latency.p99,
            latency.p999,
            latency.max,
            figures.drain_s,
        ];
        row.extend(of_run.map(|it| figure(Some(it))));
        grid.add(row);
    }
    grid
}

/// What one operation costs.
pub(crate) fn costs(report: &Report) -> Grid {
    let header = [
        "workload",
        "backend",
        "load",
        "steps",
        "round trips",
        "statements",
        "flushes",
        "written B",
        "stored B",
        "client µs",
        "server µs",
        "client MiB",
        "server MiB",
        "generator",
    ];
    let mut grid = Grid::new(3, header);
    for (run, figures) in report.all_figures() {
        let (store, client) = (&figures.store, &figures.client);
        let micros = |seconds: Option<f64>| seconds.map(|it| it * 1e6 / figures.operations());
        let mut row = words(run);
        let of_run = [
            Some(figures.steps),
            store.round_trips,
            store.statements,
            store.durable_commits,
            store.written_bytes,
            store.stored_bytes,
            micros(client.cpu_s),
            micros(store.server_cpu_s),
            client.peak_memory_mib.map(|it| it as f64),
            store.server_peak_memory_mib,
        ];
        row.extend(of_run.map(figure));
        row.push(client.generator_share.map_or_else(|| figure(None), percent));
        grid.add(row);
    }
    grid
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

fn words(run: &Run) -> Vec<String> {
    vec![run.workload.clone(), run.backend.clone(), run.load()]
}

/// What no table says: limits, recoveries, what may mislead, and what is wrong.
pub(crate) fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    for run in &report.runs {
        notes.extend(hints(run));
        let wrong = run.wrong().into_iter();
        notes.extend(wrong.map(|it| format!("FAILED {} on {}: {it}", run.workload, run.backend)));
    }
    notes
}

/// The limit of a run, its recoveries, and what may mislead.
pub(crate) fn hints(run: &Run) -> Vec<String> {
    match &run.outcome {
        Outcome::Measured(figures) => of_figures(run, figures),
        Outcome::Limit(tried) => limit(run, tried).into_iter().collect(),
        Outcome::Unavailable(_) => Vec::new(),
    }
}

fn of_figures(run: &Run, figures: &Figures) -> Vec<String> {
    let mut notes = Vec::new();
    let where_ = format!("{} on {}", run.workload, run.backend);
    if let Some(chaos) = figures.chaos.as_ref().filter(|it| it.kills > 0) {
        let longest = chaos.recovery_ms.iter().copied().fold(0.0, f64::max);
        notes.push(format!(
            "{where_}: worker processes were killed {} times; all that was under way then had ended within {} ms",
            chaos.kills,
            figure(Some(longest))
        ));
    }
    if let Some(share) = figures.client.generator_share.filter(|it| *it > BUSY) {
        notes.push(format!(
            "{where_}: the load generator used {} of its processor, and may be what limits the rate",
            percent(share)
        ));
    }
    notes
}

/// The highest rate that was followed, if one was, and the lowest that was not.
fn limit(run: &Run, tried: &[Tried]) -> Option<String> {
    let knee = knee(tried)?;
    let lost = tried.iter().filter(|it| !it.is_followed);
    let lost = lost.map(|it| it.rate).min_by(f64::total_cmp);
    let lost = lost.map_or_else(String::new, |rate| format!(", and not {rate:.0}"));
    Some(format!(
        "{} on {}: {:.0} a second are followed{lost}, with p50 {} ms and p99 {} ms",
        run.workload,
        run.backend,
        knee.rate,
        figure(Some(knee.p50_ms)),
        figure(Some(knee.p99_ms))
    ))
}
