//! The table for people.

use super::{Figures, Outcome, Report, Run};
use crate::limit::{Tried, knee};

const HEADER: [&str; 9] = [
    "workload", "backend", "load", "a second", "p50 ms", "p90 ms", "p99 ms", "max ms", "cpu µs",
];

/// The table of a report, and below it what is wrong.
pub(crate) fn table(report: &Report) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    let mut notes = Vec::new();
    for run in &report.runs {
        match &run.outcome {
            Outcome::Measured(figures) => rows.push(row(run, figures)),
            Outcome::Limit(tried) => notes.extend(limit(run, tried)),
            Outcome::Unavailable(_) => {}
        }
        let wrong = run.wrong().into_iter();
        notes.extend(wrong.map(|it| format!("FAILED {} on {}: {it}", run.workload, run.backend)));
    }
    let widths: Vec<usize> = (0..HEADER.len())
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    if rows.len() == 1 {
        // Rates were searched for, which are told of below.
        rows.clear();
    }
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        // Words to the left, figures to the right.
        let cells = cells.map(|(column, (cell, width))| match column {
            0..3 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for note in notes {
        text.push('\n');
        text.push_str(&note);
        text.push('\n');
    }
    text
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
        millis(knee.p50_ms),
        millis(knee.p99_ms)
    ))
}

fn row(run: &Run, figures: &Figures) -> [String; 9] {
    let latency = &figures.measured.latency_ms;
    let operations = figures.measured.operations.max(1) as f64;
    let cpu = figures
        .client_cpu_s
        .map(|seconds| seconds * 1e6 / operations);
    [
        run.workload.clone(),
        run.backend.clone(),
        run.shape.clone(),
        format!("{:.0}", figures.measured.per_second),
        millis(latency.p50),
        millis(latency.p90),
        millis(latency.p99),
        millis(latency.max),
        cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.0}")),
    ]
}

/// A time with three digits.
fn millis(millis: f64) -> String {
    match millis {
        short if short < 10.0 => format!("{short:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        long => format!("{long:.0}"),
    }
}
