//! Two reports side by side.

use std::path::Path;
use std::process::ExitCode;

use crate::console::{mention, say};
use crate::report::{Figures, Report, Run, read};

/// What has become of one figure.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    backend: String,
    workload: String,
    figure: &'static str,
    before: f64,
    after: f64,
    /// How many times as good it is as before; less than one is worse.
    gain: f64,
}

/// Shows what has become of the figures of one report in another one, on standard output. The exit code is 1 if one of
/// them is worse than this part of what it was, or a file is no report.
#[must_use]
pub fn diff(before: &Path, after: &Path, part_min: f64) -> ExitCode {
    let reports = read(before).and_then(|before| Ok((before, read(after)?)));
    let (before, after) = match reports {
        Ok(reports) => reports,
        Err(failure) => {
            mention(&format!("{failure}\n"));
            return ExitCode::FAILURE;
        }
    };
    let found = changes(&before, &after);
    if found.is_empty() {
        mention("the reports have nothing in common that was measured in the same way\n");
        return ExitCode::FAILURE;
    }
    say(&table(&found));
    let worse = found.iter().filter(|change| change.gain < part_min).count();
    if worse > 0 {
        mention(&format!(
            "{worse} figures are worse than {part_min} of what they were\n"
        ));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The figures of what both have measured in the same way.
fn changes(before: &Report, after: &Report) -> Vec<Change> {
    let mut changes = Vec::new();
    for (run, now) in after.all_figures() {
        let same = before.all_figures().find(|(other, _)| is_same(run, other));
        if let Some((_, then)) = same {
            changes.extend(compare(run, then, now));
        }
    }
    changes
}

fn is_same(one: &Run, other: &Run) -> bool {
    let what = |run: &Run| {
        (
            run.backend.clone(),
            run.workload.clone(),
            run.shape.clone(),
            run.workers,
        )
    };
    what(one) == what(other)
}

fn compare(run: &Run, then: &Figures, now: &Figures) -> [Change; 3] {
    let change = |figure, before: f64, after: f64, gain: f64| Change {
        backend: run.backend.clone(),
        workload: run.workload.clone(),
        figure,
        before,
        after,
        gain,
    };
    let (then, now) = (&then.measured, &now.measured);
    let ratio = |above: f64, below: f64| if below > 0.0 { above / below } else { 1.0 };
    let (p50, p99) = (
        (then.latency_ms.p50, now.latency_ms.p50),
        (then.latency_ms.p99, now.latency_ms.p99),
    );
    [
        change(
            "a second",
            then.per_second,
            now.per_second,
            ratio(now.per_second, then.per_second),
        ),
        change("p50 ms", p50.0, p50.1, ratio(p50.0, p50.1)),
        change("p99 ms", p99.0, p99.1, ratio(p99.0, p99.1)),
    ]
}

/// The table of changes.
fn table(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let what = format!("{} on {}", change.workload, change.backend);
        let (before, after) = (change.before, change.after);
        text += &format!(
            "{what:<32} {:<9} {before:>10.2} {after:>10.2}  {:.2} times as good\n",
            change.figure, change.gain
        );
    }
    text
}
