//! How throughput goes on over time.

use super::scale::{Scale, short};
use super::{Drawing, WIDTH, colour};
use crate::report::Report;

const LEFT: f64 = 56.0;
const TOP: f64 = 34.0;
const HEIGHT: f64 = 220.0;

/// A line for each backend: how many operations of a workload ended in each second.
pub(crate) fn over_time(report: &Report, workload: &str) -> String {
    let backends = report.backend_names();
    let runs: Vec<_> = report.figures_of(workload).collect();
    let counts = runs.iter().flat_map(|(_, it)| &it.measured.by_second);
    let most = counts.copied().max().unwrap_or(0) as f64;
    let seconds = runs.iter().map(|(_, it)| it.measured.by_second.len()).max();
    let seconds = seconds.unwrap_or(0).max(2) as f64;
    let mut drawing = Drawing::new(
        &format!("{workload}: operations in each second"),
        HEIGHT + 40.0,
    );
    let up = Scale::linear(most, HEIGHT, TOP);
    for mark in up.marks() {
        drawing.line((LEFT, up.at(mark)), (WIDTH - 20.0, up.at(mark)));
        drawing.text((LEFT - 6.0, up.at(mark) + 4.0), "end", &short(mark));
    }
    let across = |second: usize| LEFT + second as f64 / (seconds - 1.0) * (WIDTH - 20.0 - LEFT);
    drawing.text((LEFT, HEIGHT + 18.0), "start", "0 s");
    drawing.text(
        (WIDTH - 20.0, HEIGHT + 18.0),
        "end",
        &format!("{} s", short(seconds - 1.0)),
    );
    for (place_in_key, (run, figures)) in runs.iter().enumerate() {
        let place = backends.iter().position(|it| *it == run.backend);
        let stroke = colour(place.unwrap_or_default());
        let counts = figures.measured.by_second.iter().enumerate();
        let points: Vec<_> = counts
            .map(|(second, count)| (across(second), up.at(*count as f64)))
            .collect();
        drawing.path(&points, stroke);
        drawing.key(LEFT, place_in_key, stroke, &run.backend);
    }
    drawing.finish()
}
