//! How latency grows with the rate, up to where a backend does not follow any more.

use super::scale::{Scale, short};
use super::{Drawing, WIDTH, colour};
use crate::limit::Tried;
use crate::report::{Report, Run};

const LEFT: f64 = 64.0;
const TOP: f64 = 40.0;
const HEIGHT: f64 = 260.0;
/// What a rate that was given up counts as, in milliseconds.
const GIVEN_UP_MS: f64 = 60_000.0;

/// A line for each backend: the time within which 99 of 100 operations of a workload ended, by rate.
pub(crate) fn saturation(report: &Report, workload: &str) -> String {
    let backends = report.backend_names();
    let runs: Vec<(&Run, Vec<(f64, f64)>)> = report
        .limits()
        .filter(|(run, _)| run.workload == workload)
        .map(|(run, tried)| (run, points(tried)))
        .collect();
    let all = || runs.iter().flat_map(|(_, points)| points);
    let most = all().map(|(rate, _)| *rate).fold(0.0, f64::max);
    let low = all().map(|(_, p99)| *p99).fold(f64::MAX, f64::min);
    let high = all().map(|(_, p99)| *p99).fold(0.0, f64::max);
    let title = format!("{workload}: p99 in milliseconds by operations begun in a second");
    let mut drawing = Drawing::new(&title, HEIGHT + 44.0);
    let up = Scale::logarithmic((low, high), HEIGHT, TOP);
    let across = Scale::linear(most, LEFT, WIDTH - 20.0);
    for mark in up.marks() {
        drawing.line((LEFT, up.at(mark)), (WIDTH - 20.0, up.at(mark)));
        let label = format!("{} ms", short(mark));
        drawing.text((LEFT - 6.0, up.at(mark) + 4.0), "end", &label);
    }
    for mark in across.marks() {
        drawing.text((across.at(mark), HEIGHT + 18.0), "middle", &short(mark));
    }
    for (place_in_key, (run, points)) in runs.iter().enumerate() {
        let place = backends.iter().position(|it| *it == run.backend);
        let stroke = colour(place.unwrap_or_default());
        let line: Vec<_> = points
            .iter()
            .map(|(rate, p99)| (across.at(*rate), up.at(*p99)))
            .collect();
        drawing.path(&line, stroke);
        for ((rate, p99), at) in points.iter().zip(&line) {
            let says = format!("{}: {rate:.0} a second, p99 {p99:.1} ms", run.backend);
            drawing.dot(*at, 3.5, stroke, &says);
        }
        drawing.key(LEFT, place_in_key, stroke, &run.backend);
    }
    drawing.finish()
}

/// The rates in their order, each with its p99.
fn points(tried: &[Tried]) -> Vec<(f64, f64)> {
    let mut points: Vec<_> = tried
        .iter()
        .map(|it| (it.rate, it.p99_ms.min(GIVEN_UP_MS)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}
