//! A report as files.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::html::page;
use super::markdown::markdown;
use super::plot::{
    all_latencies, all_throughputs, costs_of_operations, over_time, recoveries, saturation,
};
use super::{KIND, Report, SCHEMA};
use crate::failure::Failure;

/// Writes a report into a folder, which is made if it is not there: for programs, as a page, as Markdown, and each plot
/// alone.
pub(crate) fn write(report: &Report, folder: &Path) -> Result<(), Failure> {
    let cannot = || Failure::machine("the report cannot be written");
    fs::create_dir_all(folder).map_err(cannot())?;
    let mut text = serde_json::to_string_pretty(report).map_err(|error| cannot()(error.into()))?;
    text.push('\n');
    let mut files = vec![
        ("stress.json".to_owned(), text),
        ("stress.html".to_owned(), page(report)),
        ("stress.md".to_owned(), markdown(report)),
    ];
    if report.all_figures().next().is_some() {
        files.push(("throughput.svg".to_owned(), all_throughputs(report)));
        files.push(("latency.svg".to_owned(), all_latencies(report)));
    }
    for workload in report.workloads() {
        let is_measured = report.figures_of(workload).next().is_some();
        let is_limit = report.limits().any(|(run, _)| run.workload == workload);
        let plots = [
            (
                "over-time",
                is_measured.then(|| over_time(report, workload)),
            ),
            ("costs", costs_of_operations(report, workload)),
            ("recoveries", recoveries(report, workload)),
            ("saturation", is_limit.then(|| saturation(report, workload))),
        ];
        for (what, svg) in plots {
            files.extend(svg.map(|svg| (format!("{what}-{workload}.svg"), svg)));
        }
    }
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(cannot())?;
    }
    Ok(())
}

/// What every version of a report has.
#[derive(Deserialize)]
struct Form {
    kind: String,
    schema: u32,
}

/// Reads a report.
pub(crate) fn read(file: &Path) -> Result<Report, Failure> {
    let name = file.display();
    let text = fs::read_to_string(file)
        .map_err(|cause| Failure::Unavailable(format!("{name}: {cause}")))?;
    let wrong =
        |what: &dyn std::fmt::Display| Failure::Unavailable(format!("{name} is no report: {what}"));
    let form: Form = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    if form.kind != KIND || form.schema != SCHEMA {
        let what = format!(
            "it is a {} of version {}, and this reads {SCHEMA}",
            form.kind, form.schema
        );
        return Err(wrong(&what));
    }
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}
