//! What operations and their steps cost.

use super::bars::{Bar, bars};
use super::drawing::Drawing;
use super::naming::Naming;
use crate::report::grid::figure;
use crate::report::{COSTS, Report};

/// A group of bars for each cost of one operation of a workload; nothing if none was counted.
pub(crate) fn costs_of_operations(report: &Report, workload: &str) -> Option<String> {
    let runs = report.figures_of(workload).map(|(run, _)| run);
    let naming = Naming::of(report, runs);
    let mut drawing = Drawing::new(&naming.title(workload));
    let mut is_empty = true;
    for cost in &COSTS {
        let all = report.figures_of(workload).filter_map(|(run, figures)| {
            let each = cost.of_operation(figures)?;
            Some(Bar {
                label: naming.label(run),
                figure: each,
                shown: figure(Some(each)),
                colour: naming.colour(run),
            })
        });
        let all: Vec<Bar> = all.collect();
        if !all.is_empty() {
            is_empty = false;
            bars(&mut drawing, cost.name, &all);
        }
    }
    (!is_empty).then(|| drawing.finish())
}

/// For each cost that was counted, a plot of what one step of each workload costs.
pub(crate) fn costs_of_steps(report: &Report) -> Vec<String> {
    let mut plots = Vec::new();
    for cost in &COSTS {
        let mut drawing = Drawing::new(&format!("{} a step", cost.name));
        let mut is_empty = true;
        for workload in report.workloads() {
            let runs = report.figures_of(workload).map(|(run, _)| run);
            let naming = Naming::of(report, runs);
            let all = report.figures_of(workload).filter_map(|(run, figures)| {
                let each = cost.of_step(figures)?;
                Some((naming.label(run), each, naming.colour(run)))
            });
            let all = all.map(|(label, each, colour)| Bar {
                label,
                figure: each,
                shown: figure(Some(each)),
                colour,
            });
            let all: Vec<Bar> = all.collect();
            if !all.is_empty() {
                is_empty = false;
                bars(&mut drawing, &naming.title(workload), &all);
            }
        }
        if !is_empty {
            plots.push(drawing.finish());
        }
    }
    plots
}
