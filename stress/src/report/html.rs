//! The page: everything in one file, which needs no network.

mod page;
mod summary;

use self::page::Page;
use super::date::date;
use super::facts::{backends, guarantees, limits, machine, recoveries};
use super::table::{costs, speed};
use super::{Report, plot};

/// The page of a report.
pub(crate) fn page(report: &Report) -> String {
    let mut page = Page::new();
    summary::wrong(report, &mut page);
    summary::summary(report, &mut page);
    let measured = measured(report);
    if !measured.is_empty() {
        speeds(report, &measured, &mut page);
        what_it_costs(report, &measured, &mut page);
    }
    saturations(report, &mut page);
    kills(report, &mut page);

    page.section("machine", "Machine");
    page.paragraph(
        "faint",
        "Figures of one page can be compared with one another, and with those of other machines hardly. No durable \
         commit is faster than a flush.",
    );
    page.table(&machine(report));
    page.section("backends", "Backends");
    page.table(&backends(report));
    let promised = guarantees(report);
    if !promised.is_empty() {
        page.section("guarantees", "Guarantees");
        page.paragraph(
            "faint",
            "What the certificates of the conformance suite say. Speed is worth nothing where a guarantee is missing that \
             you need.",
        );
        page.table(&promised);
    }
    let about = format!(
        "duroxide {}, measured {}",
        report.version,
        date(report.began_ms)
    );
    page.finish("duroxide under load", &about)
}

/// The workloads that have figures.
fn measured(report: &Report) -> Vec<&str> {
    let mut workloads = report.workloads();
    workloads.retain(|it| report.figures_of(it).next().is_some());
    workloads
}

fn speeds(report: &Report, workloads: &[&str], page: &mut Page) {
    page.section("speed", "Speed");
    page.table(&speed(report));
    page.section("throughput", "Operations a second");
    page.paragraph(
        "faint",
        "Each workload has a scale of its own: a chain is no hello.",
    );
    let each = workloads.iter();
    page.plots(each.map(|it| plot::throughput(report, it)));
    page.section("latency", "Latency");
    page.paragraph(
        "faint",
        "In milliseconds, from the left to the right on each line: within which time 50, 90, 99 and 99.9 of 100 operations ended, and the \
         longest. All plots have one scale.",
    );
    let each = workloads.iter();
    page.plots(each.map(|it| plot::latencies(report, it)));
    page.section("over-time", "Throughput over time");
    page.paragraph(
        "faint",
        "How many operations ended in each second. The warm-up, which is not measured, is shaded.",
    );
    let each = workloads.iter();
    page.plots(each.map(|it| plot::over_time(report, it)));
}

fn what_it_costs(report: &Report, workloads: &[&str], page: &mut Page) {
    page.section("costs", "What an operation costs");
    page.paragraph(
        "faint",
        "Of one operation, as far as it was counted: processor time of the client (the runtimes and the load generator) \
         and of the server, round trips, and flushes to the disk.",
    );
    page.table(&costs(report).without_empty_columns());
    let each = workloads.iter();
    page.plots(each.filter_map(|it| plot::costs_of_operations(report, it)));
    let steps = plot::costs_of_steps(report);
    if !steps.is_empty() {
        page.section("steps", "What a step costs");
        page.paragraph(
            "faint",
            "A step is an activity, a timer or an event that an orchestration waits for. The start and the end of the \
             orchestration are counted with its steps.",
        );
        page.plots(steps.into_iter());
    }
}

fn saturations(report: &Report, page: &mut Page) {
    if report.limits().next().is_none() {
        return;
    }
    page.section("saturation", "Saturation");
    page.paragraph(
        "faint",
        "How latency grows with the rate. A rate that was not followed is hollow; the highest one that was is larger.",
    );
    page.table(&limits(report));
    let mut workloads = report.workloads();
    workloads.retain(|it| report.limits().any(|(run, _)| run.workload == *it));
    let each = workloads.iter();
    page.plots(each.map(|it| plot::saturation(report, it)));
}

fn kills(report: &Report, page: &mut Page) {
    let grid = recoveries(report);
    if grid.is_empty() {
        return;
    }
    page.section("recoveries", "Recoveries after kills");
    page.paragraph(
        "faint",
        "Worker processes were killed while they worked: how long it took after each kill until everything had ended that \
         was under way then.",
    );
    page.table(&grid);
    let workloads = report.workloads();
    let each = workloads.iter();
    page.plots(each.filter_map(|it| plot::recoveries(report, it)));
}
