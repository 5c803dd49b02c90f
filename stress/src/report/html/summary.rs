//! What a page says first.

use super::page::Page;
use crate::report::Report;
use crate::report::facts::overview;
use crate::report::table::hints;

/// What is wrong, or that nothing is; then what may mislead.
pub(super) fn wrong(report: &Report, page: &mut Page) {
    page.section("wrong", "What is wrong");
    for run in &report.runs {
        for what in run.wrong() {
            let text = format!("{} on {}: {what}", run.workload, run.backend);
            page.paragraph("bad", &text);
        }
    }
    if report.is_good() {
        let text = "Nothing: everything that was begun was done, and done once.";
        page.paragraph("good", text);
    }
}

/// What was measured, in a few words, and what there is to know of it.
pub(super) fn summary(report: &Report, page: &mut Page) {
    page.section("summary", "Summary");
    let runs = count(report.runs.len(), "run");
    let workloads = count(report.workloads().len(), "workload");
    let backends = count(report.backend_names().len(), "backend");
    page.paragraph("", &format!("{runs} of {workloads} on {backends}."));
    let overview = overview(report);
    if !overview.is_empty() {
        page.paragraph("", "Operations that ended in a second; more is better:");
        page.table(&overview);
    }
    for hint in report.runs.iter().flat_map(hints) {
        page.paragraph("", &hint);
    }
}

fn count(count: usize, what: &str) -> String {
    match count {
        1 => format!("one {what}"),
        more => format!("{more} {what}s"),
    }
}
