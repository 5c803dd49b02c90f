//! The tool, on the in-memory provider.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::providers::Provider;
use duroxide_memory::conformance::MemoryFixture;
use duroxide_memory::{Defect, MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{Fixture, MeteredStore, ScaledClock, Store, Unavailable};
use serde_json::Value;

fn stress(fixture: impl Fixture, arguments: &[&str]) -> String {
    let arguments = ["stress"].iter().chain(arguments);
    let code = duroxide_stress::main("memory", fixture, arguments.map(|it| (*it).to_owned()));
    format!("{code:?}")
}

fn code(code: ExitCode) -> String {
    format!("{code:?}")
}

/// A bit of each.
const SHORT: [&str; 6] = ["--duration", "1s", "--warm-up", "50ms", "--in-flight", "4"];

fn report_in(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("stress.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_workload_runs_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    let arguments = [
        "--duration",
        "1s",
        "--warm-up",
        "0s",
        "--in-flight",
        "2",
        "--payload",
        "100",
        "--size",
        "200",
        "--output",
        output,
    ];
    assert_eq!(stress(MemoryFixture, &arguments), code(ExitCode::SUCCESS));

    let report = report_in(folder.path());
    let runs = report["runs"].as_array().unwrap();
    assert!(runs.len() > 5, "{report}");
    for run in runs {
        let figures = &run["outcome"]["measured"];
        assert!(
            figures["measured"]["operations"].as_u64().unwrap() > 0,
            "{run}"
        );
        assert_eq!(figures["wrong"].as_array().unwrap().len(), 0, "{run}");
    }
    let page = fs::read_to_string(folder.path().join("stress.html")).unwrap();
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("http"), "it needs no network");
    for svg in ["throughput.svg", "latency.svg", "over-time-hello.svg"] {
        let svg = fs::read_to_string(folder.path().join(svg)).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.ends_with("</svg>\n"),
            "{svg}"
        );
    }
}

#[test]
fn an_open_loop_and_a_search_are_reported_too() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    let common = [
        "--duration",
        "1s",
        "--warm-up",
        "50ms",
        "--workload",
        "hello",
        "--output",
        output,
    ];
    let arguments = [&common[..], &["--rate", "40"]].concat();
    assert_eq!(stress(MemoryFixture, &arguments), code(ExitCode::SUCCESS));
    let report = report_in(folder.path());
    assert_eq!(report["runs"][0]["shape"], "40 a second");

    // A bound that nobody keeps, so that the search is short.
    let arguments = [&common[..], &["--find-limit", "0.001ms"]].concat();
    assert_eq!(stress(MemoryFixture, &arguments), code(ExitCode::FAILURE));
    let report = report_in(folder.path());
    let tried = report["runs"][0]["outcome"]["limit"].as_array().unwrap();
    assert_eq!(tried[0]["is_followed"], false, "{report}");
}

#[test]
fn what_cannot_be_is_refused() {
    for wrong in [
        ["--workload", "hallo"],
        ["--workers", "0"],
        ["--rate", "0"],
        ["--duration", "0s"],
        ["--duration", "99999999999m"],
        ["--rate", "1e-300"],
        ["--find-limit", "0ms"],
        ["--processes", "2"],
    ] {
        assert_eq!(
            stress(MemoryFixture, &wrong),
            code(ExitCode::from(2)),
            "{wrong:?}"
        );
    }
}

/// A backend that cannot be had.
struct Nowhere;

#[async_trait]
impl Fixture for Nowhere {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Err(Unavailable::new("start the server"))
    }

    async fn open_to_measure(&self, _: &Path) -> Result<MeteredStore, Unavailable> {
        Err(Unavailable::new("start the server"))
    }
}

#[test]
fn a_backend_that_cannot_be_had_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    let arguments = [&SHORT[..], &["--workload", "hello", "--output", output]].concat();
    assert_eq!(stress(Nowhere, &arguments), code(ExitCode::FAILURE));
    let report = report_in(folder.path());
    assert_eq!(
        report["runs"][0]["outcome"]["unavailable"],
        "start the server"
    );
}

#[test]
fn a_report_is_compared_with_itself_and_with_a_better_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    let arguments = [&SHORT[..], &["--workload", "hello", "--output", output]].concat();
    stress(MemoryFixture, &arguments);
    let same = folder.path().join("stress.json");
    let diff =
        |before: &Path, after: &Path| format!("{:?}", duroxide_stress::diff(before, after, 0.8));
    assert_eq!(diff(&same, &same), code(ExitCode::SUCCESS));

    let mut report = report_in(folder.path());
    let rate = &mut report["runs"][0]["outcome"]["measured"]["measured"]["per_second"];
    *rate = (rate.as_f64().unwrap() * 2.0).into();
    let better = folder.path().join("better.json");
    fs::write(&better, report.to_string()).unwrap();
    assert_eq!(diff(&same, &better), code(ExitCode::SUCCESS));
    assert_eq!(diff(&better, &same), code(ExitCode::FAILURE));
    assert_eq!(diff(&same, folder.path()), code(ExitCode::FAILURE));
}

/// A report of one run with these counts in each second, of which the first is the warm-up.
fn report_of(
    folder: &Path,
    name: &str,
    by_second: [u64; 6],
    round_trips: f64,
) -> std::path::PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report_1.json");
    let mut report: Value = serde_json::from_str(&fs::read_to_string(golden).unwrap()).unwrap();
    report["runs"].as_array_mut().unwrap().truncate(1);
    let figures = &mut report["runs"][0]["outcome"]["measured"];
    let sum: u64 = by_second[1..].iter().sum();
    figures["measured"]["per_second"] = (sum as f64 / 5.0).into();
    figures["measured"]["by_second"] = by_second.to_vec().into();
    figures["store"]["round_trips"] = round_trips.into();
    let file = folder.join(name);
    fs::write(&file, report.to_string()).unwrap();
    file
}

#[test]
fn a_difference_within_the_spread_is_none_and_costs_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let report = |name, counts, trips| report_of(folder.path(), name, counts, trips);
    let steady = report("steady", [1, 100, 100, 100, 100, 100], 2.0);
    let slow = report("slow", [1, 70, 70, 70, 70, 70], 2.0);
    let jumpy = report("jumpy", [1, 20, 30, 70, 110, 120], 2.0);
    let costly = report("costly", [1, 100, 100, 100, 100, 100], 3.0);
    let diff =
        |before: &Path, after: &Path| format!("{:?}", duroxide_stress::diff(before, after, 0.8));
    assert_eq!(diff(&steady, &slow), code(ExitCode::FAILURE));
    assert_eq!(diff(&slow, &steady), code(ExitCode::SUCCESS));
    assert_eq!(diff(&steady, &jumpy), code(ExitCode::SUCCESS));
    assert_eq!(diff(&steady, &costly), code(ExitCode::FAILURE));
}

#[test]
fn a_run_that_has_become_wrong_is_worse_however_fast_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let good = report_of(folder.path(), "good", [1, 100, 100, 100, 100, 100], 2.0);
    let mut report: Value = serde_json::from_str(&fs::read_to_string(&good).unwrap()).unwrap();
    report["runs"][0]["outcome"]["measured"]["wrong"] = vec!["an activity ran twice"].into();
    let wrong = folder.path().join("wrong");
    fs::write(&wrong, report.to_string()).unwrap();
    let diff =
        |before: &Path, after: &Path| format!("{:?}", duroxide_stress::diff(before, after, 0.8));
    assert_eq!(diff(&good, &wrong), code(ExitCode::FAILURE));
    assert_eq!(diff(&wrong, &good), code(ExitCode::SUCCESS));
}

/// A store in memory that does one thing wrong.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    /// Its time is twenty times as fast as everybody's, so that timers fire early.
    Early,
    /// A turn takes what has arrived meanwhile, so that messages are lost.
    Loses,
}

#[async_trait]
impl Fixture for Wrong {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Err(Unavailable::new("it is only measured"))
    }

    async fn open_to_measure(&self, _: &Path) -> Result<MeteredStore, Unavailable> {
        let options = MemoryOptions::default();
        let options = match self {
            Self::Early => options.clock(Arc::new(ScaledClock::new(20))),
            Self::Loses => options.defects(&[Defect::ConsumesEverything]),
        };
        let provider: Arc<dyn Provider> = Arc::new(MemoryProvider::with_options(options));
        Ok(provider.into())
    }
}

/// What is said of a workload on a store that does this wrong.
fn said_of(wrong: Wrong, workload: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    let common = [
        "--workload",
        workload,
        "--output",
        output,
        "--patience",
        "2s",
    ];
    let times = ["--duration", "1s", "--warm-up", "0s"];
    let arguments = [&common[..], &times, more].concat();
    assert_eq!(stress(wrong, &arguments), code(ExitCode::FAILURE));
    report_in(folder.path())["runs"].to_string()
}

#[test]
fn a_backend_that_is_wrong_fails_however_fast_it_is() {
    let closed = ["--in-flight", "4"];
    for (wrong, workload, says) in [
        (Wrong::Early, "timers", "3 timers of 20 ms took"),
        (Wrong::Loses, "fan-out", "counts as stuck"),
    ] {
        let said = said_of(wrong, workload, &closed);
        assert!(said.contains(says), "{wrong:?}: {said}");
    }
}

#[test]
fn a_search_for_a_limit_is_no_excuse_for_a_wrong_backend() {
    let said = said_of(Wrong::Early, "timers", &["--find-limit", "1s"]);
    assert!(said.contains("3 timers of 20 ms took"), "{said}");
}
