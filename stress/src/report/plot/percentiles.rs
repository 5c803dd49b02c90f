//! How long operations take, by workload and backend.

use super::scale::{Scale, short};
use super::{Drawing, WIDTH, colour};
use crate::report::Report;

const LABELS: f64 = 190.0;
const ROW: f64 = 18.0;
const GAP: f64 = 14.0;
const TOP: f64 = 40.0;

/// A row for each run, with a dot for the median, for nine of ten, for 99 of 100 and for the longest.
pub(crate) fn latencies(report: &Report) -> String {
    let backends = report.backend_names();
    let workloads = report.workloads();
    let all = report.all_figures();
    let times: Vec<_> = all
        .map(|(_, figures)| figures.measured.latency_ms)
        .collect();
    let low = times.iter().map(|it| it.p50).fold(f64::MAX, f64::min);
    let high = times.iter().map(|it| it.max).fold(0.0, f64::max);
    let height = TOP + times.len() as f64 * ROW + workloads.len() as f64 * GAP + 10.0;
    let mut drawing = Drawing::new(
        "Latency in milliseconds: p50, p90, p99, p99.9 and the longest",
        height,
    );
    let scale = Scale::logarithmic((low, high), LABELS, WIDTH - 20.0);
    for mark in scale.marks() {
        let x = scale.at(mark);
        drawing.line((x, TOP - 8.0), (x, height - 10.0));
        drawing.text((x, TOP - 14.0), "middle", &format!("{} ms", short(mark)));
    }
    let mut y = TOP;
    for workload in workloads {
        drawing.text((0.0, y + 12.0), "start", workload);
        for (run, figures) in report.figures_of(workload) {
            let place = backends.iter().position(|it| *it == run.backend);
            let fill = colour(place.unwrap_or_default());
            let latency = figures.measured.latency_ms;
            let points = [
                ("p50", latency.p50, 5.0),
                ("p90", latency.p90, 4.0),
                ("p99", latency.p99, 3.5),
                ("p99.9", latency.p999, 3.0),
                ("longest", latency.max, 2.5),
            ];
            drawing.text((LABELS - 8.0, y + 12.0), "end", &run.backend);
            let middle = y + 8.0;
            drawing.path(
                &[
                    (scale.at(latency.p50), middle),
                    (scale.at(latency.max), middle),
                ],
                fill,
            );
            for (name, millis, radius) in points {
                let says = format!("{workload} on {}: {name} {millis:.2} ms", run.backend);
                drawing.dot((scale.at(millis), middle), radius, fill, &says);
            }
            y += ROW;
        }
        y += GAP;
    }
    drawing.finish()
}
