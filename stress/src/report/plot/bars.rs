//! How many operations a second, by workload and backend.

use super::scale::{Scale, short};
use super::{Drawing, WIDTH, colour};
use crate::report::Report;

const LABELS: f64 = 190.0;
const BAR: f64 = 16.0;
const GAP: f64 = 14.0;

/// A bar for each run. Each workload has a scale of its own: a chain is no hello.
pub(crate) fn throughput(report: &Report) -> String {
    let backends = report.backend_names();
    let workloads = report.workloads();
    let count: usize = workloads
        .iter()
        .map(|it| report.figures_of(it).count())
        .sum();
    let height = 30.0 + count as f64 * BAR + workloads.len() as f64 * GAP + 10.0;
    let mut drawing = Drawing::new("Operations a second", height);
    let mut y = 30.0;
    for workload in workloads {
        let runs: Vec<_> = report.figures_of(workload).collect();
        let most = runs.iter().map(|(_, it)| it.measured.per_second);
        let scale = Scale::linear(most.fold(0.0, f64::max), LABELS, WIDTH - 90.0);
        drawing.text((0.0, y + 12.0), "start", workload);
        for (run, figures) in runs {
            let rate = figures.measured.per_second;
            let place = backends.iter().position(|it| *it == run.backend);
            let width = scale.at(rate) - LABELS;
            let says = format!("{workload} on {}: {rate:.0} a second", run.backend);
            drawing.text((LABELS - 8.0, y + 12.0), "end", &run.backend);
            let fill = colour(place.unwrap_or_default());
            drawing.bar((LABELS, y + 2.0), (width, BAR - 4.0), fill, &says);
            drawing.text((LABELS + width + 6.0, y + 12.0), "start", &short(rate));
            y += BAR;
        }
        y += GAP;
    }
    drawing.finish()
}
