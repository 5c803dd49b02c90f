//! How long operations take, by workload and backend.

use super::drawing::{Drawing, LINE, WIDTH};
use super::naming::Naming;
use super::scale::{Scale, short};
use crate::report::Report;
use crate::report::grid::figure;

const ROW: f64 = 18.0;
const LEFT: f64 = 8.0;
const RIGHT: f64 = WIDTH - 12.0;

/// A row for each run of a workload, with a dot for the median, for 90, 99 and 99.9 of 100, and for the longest. All
/// plots of a report have one scale.
pub(crate) fn latencies(report: &Report, workload: &str) -> String {
    let runs = report.figures_of(workload).map(|(run, _)| run);
    let naming = Naming::of(report, runs);
    let mut drawing = Drawing::new(&naming.title(workload));
    draw(&mut drawing, report, workload);
    drawing.finish()
}

/// The same of all workloads in one plot.
pub(crate) fn all_latencies(report: &Report) -> String {
    let mut drawing = Drawing::new("Milliseconds until an operation has ended");
    for workload in report.workloads() {
        let runs = report.figures_of(workload).map(|(run, _)| run);
        let naming = Naming::of(report, runs);
        if report.figures_of(workload).next().is_some() {
            drawing.heading(&naming.title(workload));
            draw(&mut drawing, report, workload);
        }
    }
    drawing.finish()
}

fn draw(drawing: &mut Drawing, report: &Report, workload: &str) {
    let scale = scale(report);
    axis(drawing, &scale);
    let runs: Vec<_> = report.figures_of(workload).collect();
    let naming = Naming::of(report, runs.iter().map(|(run, _)| *run));
    for (run, figures) in runs {
        let (label, colour) = (naming.label(run), naming.colour(run));
        let latency = figures.measured.latency_ms;
        let [p50, p99] = [latency.p50, latency.p99].map(|it| figure(Some(it)));
        drawing.labelled(&label, &format!("p50 {p50}, p99 {p99}"));
        let top = drawing.room(ROW);
        for mark in scale.marks() {
            let x = scale.at(mark);
            drawing.line((x, top), (x, top + ROW - 4.0));
        }
        let middle = top + 7.0;
        let ends = [latency.p50, latency.max].map(|it| (scale.at(it), middle));
        drawing.path(&ends, (colour, "none"));
        for (name, millis, radius) in [
            ("p50", latency.p50, 5.0),
            ("p90", latency.p90, 4.0),
            ("p99", latency.p99, 3.5),
            ("p99.9", latency.p999, 3.0),
            ("longest", latency.max, 2.5),
        ] {
            let says = format!("{label}: {name} {millis:.2} ms");
            let at = (scale.at(millis), middle);
            drawing.dot(at, radius, (colour, false), &says);
        }
    }
}

/// That of all plots.
fn scale(report: &Report) -> Scale {
    let all = report.all_figures();
    let times: Vec<_> = all.map(|(_, it)| it.measured.latency_ms).collect();
    let low = times.iter().map(|it| it.p50).fold(f64::MAX, f64::min);
    let high = times.iter().map(|it| it.max).fold(0.0, f64::max);
    Scale::logarithmic((low, high), LEFT, RIGHT)
}

/// The figures of the marks.
fn axis(drawing: &mut Drawing, scale: &Scale) {
    let y = drawing.room(LINE) + LINE - 4.0;
    let marks = scale.marks();
    for (place, mark) in marks.iter().enumerate() {
        let anchor = match place {
            0 => "start",
            _ if place + 1 == marks.len() => "end",
            _ => "middle",
        };
        let x = match anchor {
            "start" => 0.0,
            "end" => WIDTH,
            _ => scale.at(*mark),
        };
        drawing.text((x, y), anchor, "faint", &short(*mark));
    }
}
