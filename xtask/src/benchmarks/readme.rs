//! The table of figures in `README.md`.

use std::fmt::Write as _;

use serde_json::Value;

use super::part::{ALONE, IN_FLIGHT, Part};

const BEGIN: &str = "<!-- benchmarks:begin -->\n";
const END: &str = "<!-- benchmarks:end -->";
/// How many steps the workload `chain` has.
const STEPS: f64 = 50.0;

/// The page at the root, with a fresh table of figures between its marks.
pub(super) fn page(
    page: &str,
    report: impl Fn(&Part) -> Result<String, String>,
) -> Result<String, String> {
    let parts = page
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or("README.md lacks the marks of the figures")?;
    let parse = |part| {
        let report: Result<Value, _> = serde_json::from_str(&report(part)?);
        report.map_err(|error| format!("{}: {error}", part.report()))
    };
    let table = table(&parse(&IN_FLIGHT)?, &parse(&ALONE)?)?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

fn table(in_flight: &Value, alone: &Value) -> Result<String, String> {
    let mut table = "| backend | `hello` a second, 200 in flight | one `hello` alone, median | a step of a chain alone | \
                     round trips of a `hello` |\n|---|---:|---:|---:|---:|\n"
        .to_owned();
    let backends = in_flight.get("backends").and_then(Value::as_array);
    for backend in backends.ok_or("the report names no backends")? {
        let name = backend.get("name").and_then(Value::as_str).unwrap_or("?");
        let rate = figure(in_flight, (name, "hello"), "/measured/per_second");
        let hello = figure(alone, (name, "hello"), "/measured/latency_ms/p50");
        let chain = figure(alone, (name, "chain"), "/measured/latency_ms/p50");
        let trips = figure(alone, (name, "hello"), "/store/round_trips");
        let trips = trips.map_or_else(|_| "-".to_owned(), |it| format!("{it:.1}"));
        let (rate, hello, step) = (rate?, hello?, chain? / STEPS);
        // Writing to a text does not fail.
        writeln!(
            table,
            "| {name} | {rate:.0} | {hello:.2} ms | {step:.2} ms | {trips} |"
        )
        .ok();
    }
    Ok(table)
}

/// A figure of the run of a workload on a backend.
fn figure(report: &Value, (backend, workload): (&str, &str), place: &str) -> Result<f64, String> {
    let is_it = |run: &&Value| {
        let says = |field: &str, word: &str| run.get(field).is_some_and(|it| it == word);
        says("backend", backend) && says("workload", workload)
    };
    let runs = report.get("runs").and_then(Value::as_array);
    let run = runs.and_then(|runs| runs.iter().find(is_it));
    let value = run.and_then(|run| run.pointer(&format!("/outcome/measured{place}")));
    let value = value.and_then(Value::as_f64);
    value.ok_or_else(|| format!("{workload} on {backend} has no {place}"))
}
