//! How many operations a second, by workload and backend.

use super::bars::{Bar, bars};
use super::drawing::Drawing;
use super::naming::Naming;
use crate::report::Report;
use crate::report::grid::figure;

/// A bar for each run of a workload.
pub(crate) fn throughput(report: &Report, workload: &str) -> String {
    let runs = report.figures_of(workload).map(|(run, _)| run);
    let naming = Naming::of(report, runs);
    let mut drawing = Drawing::new(&naming.title(workload));
    draw(&mut drawing, report, workload, "");
    drawing.finish()
}

/// The same of all workloads in one plot. Each has a scale of its own: a chain is no hello.
pub(crate) fn all_throughputs(report: &Report) -> String {
    let mut drawing = Drawing::new("Operations a second");
    for workload in report.workloads() {
        let runs = report.figures_of(workload).map(|(run, _)| run);
        let heading = Naming::of(report, runs).title(workload);
        draw(&mut drawing, report, workload, &heading);
    }
    drawing.finish()
}

fn draw(drawing: &mut Drawing, report: &Report, workload: &str, heading: &str) {
    let runs = report.figures_of(workload).map(|(run, _)| run);
    let naming = Naming::of(report, runs);
    let all = report.figures_of(workload).map(|(run, figures)| Bar {
        label: naming.label(run),
        figure: figures.measured.per_second,
        shown: figure(Some(figures.measured.per_second)),
        colour: naming.colour(run),
    });
    let all: Vec<Bar> = all.collect();
    if !all.is_empty() {
        bars(drawing, heading, &all);
    }
}
