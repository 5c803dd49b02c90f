//! How throughput goes on over time.

use super::drawing::{Drawing, LINE, WIDTH};
use super::naming::Naming;
use super::scale::{Scale, short};
use crate::report::Report;

const LEFT: f64 = 40.0;
const RIGHT: f64 = WIDTH - 8.0;
const HEIGHT: f64 = 160.0;

/// A line for each run: how many operations of a workload ended in each second. The warm-up is shaded.
pub(crate) fn over_time(report: &Report, workload: &str) -> String {
    let runs: Vec<_> = report.figures_of(workload).collect();
    let naming = Naming::of(report, runs.iter().map(|(run, _)| *run));
    let counts = runs.iter().flat_map(|(_, it)| &it.measured.by_second);
    let most = counts.copied().max().unwrap_or(0) as f64;
    let seconds = runs.iter().map(|(_, it)| it.measured.by_second.len()).max();
    let seconds = seconds.unwrap_or(0).max(1) as f64;
    let mut drawing = Drawing::new(&naming.title(workload));
    for (run, _) in &runs {
        drawing.key(naming.stroke(run), &naming.label(run));
    }
    let top = drawing.room(HEIGHT + 2.5 * LINE) + LINE;
    let bottom = top + HEIGHT;
    let across = |at: f64| LEFT + at / seconds * (RIGHT - LEFT);
    let warm_up = runs
        .iter()
        .map(|(run, _)| run.warm_up_s)
        .fold(0.0, f64::max);
    let shaded = across(warm_up.min(seconds)) - LEFT;
    drawing.track((LEFT, top), (shaded, HEIGHT));
    let up = Scale::linear(most, bottom, top);
    for mark in up.marks() {
        let y = up.at(mark);
        drawing.line((LEFT, y), (RIGHT, y));
        drawing.text((LEFT - 5.0, y + 4.0), "end", "faint", &short(mark));
    }
    let below = bottom + LINE - 2.0;
    drawing.text((LEFT, below), "start", "faint", "0 s");
    let end = format!("{} s", short(seconds));
    drawing.text((RIGHT, below), "end", "faint", &end);
    for (run, figures) in &runs {
        let counts = figures.measured.by_second.iter().enumerate();
        // A second is drawn in its middle.
        let points: Vec<_> = counts
            .map(|(second, count)| (across(second as f64 + 0.5), up.at(*count as f64)))
            .collect();
        let stroke = naming.stroke(run);
        drawing.path(&points, stroke);
        // A line of one second is a point.
        if let [point] = points[..] {
            drawing.dot(point, 3.0, (stroke.0, false), &naming.label(run));
        }
    }
    drawing.finish()
}
