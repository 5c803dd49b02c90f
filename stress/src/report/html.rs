//! The page: everything in one file, which needs no network.

use std::fmt::Write as _;

use super::Report;
use super::plot::{escaped, latencies, over_time, saturation, throughput};
use super::table::speed;

const STYLE: &str = "\
:root { color-scheme: light dark; --ground: #ffffff; --text: #1b1f24; --faint: #656d76; --rule: #d0d7de; --bad: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --text: #e6edf3; --faint: #9198a1; --rule: #3d444d; --bad: #ff8a80 }
}
body { margin: 0 auto; padding: 1.5rem; max-width: 60rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
p.faint { color: var(--faint) } p.bad { color: var(--bad); font-weight: 600 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 0.3rem 0.8rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap }
.word { text-align: left }
svg { width: 100%; height: auto }";

/// The page of a report.
pub(crate) fn page(report: &Report) -> String {
    let mut page = String::new();
    let (system, processors) = (escaped(&report.machine.system), report.machine.processors);
    // Writing to a text does not fail.
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>duroxide under load</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}\n</style>\n</head>\n\
         <body>\n<h1>duroxide under load</h1>\n\
         <p class=\"faint\">duroxide {}, {system}, {processors} processors. Figures of one page can be compared with \
         one another, and with those of other machines hardly.</p>\n",
        escaped(&report.version)
    )
    .ok();
    wrong(report, &mut page);
    if report.all_figures().next().is_some() {
        page.push_str(&speed(report).html());
        section(&mut page, "Operations a second", &throughput(report));
        section(&mut page, "Latency", &latencies(report));
        page.push_str("<h2>Over time</h2>\n");
    }
    for workload in report.workloads() {
        if report.figures_of(workload).next().is_some() {
            page.push_str(&over_time(report, workload));
        }
        if report.limits().any(|(run, _)| run.workload == workload) {
            section(&mut page, "Saturation", &saturation(report, workload));
        }
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn section(page: &mut String, title: &str, svg: &str) {
    write!(page, "<h2>{title}</h2>\n{svg}").ok();
}

/// What is wrong, before everything else.
fn wrong(report: &Report, page: &mut String) {
    for run in &report.runs {
        for what in run.wrong() {
            let (workload, backend) = (escaped(&run.workload), escaped(&run.backend));
            let what = escaped(what);
            writeln!(page, "<p class=\"bad\">{workload} on {backend}: {what}</p>").ok();
        }
    }
}
