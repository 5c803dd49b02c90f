//! Reports that were written before. `golden/report_1.json` has every field that a report of version 1 has, and each
//! later version must read it: once that version is released, the file is never edited, and a field that comes later
//! must do without. A new version of the form adds a file.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report_1.json")
}

fn read(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn is(code: ExitCode, expected: ExitCode) {
    assert_eq!(format!("{code:?}"), format!("{expected:?}"));
}

/// Sees that everything of the one is in the other, which may have more.
fn assert_kept(before: &Value, after: &Value, at: &str) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                let kept = after.get(name).unwrap_or(&Value::Null);
                assert_kept(value, kept, &format!("{at}/{name}"));
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len(), "{at}");
            for (place, (before, after)) in before.iter().zip(after).enumerate() {
                assert_kept(before, after, &format!("{at}/{place}"));
            }
        }
        _ => assert_eq!(before, after, "{at}"),
    }
}

#[test]
fn a_report_of_before_is_read_and_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    is(
        duroxide_stress::render(&golden(), folder.path()),
        ExitCode::SUCCESS,
    );
    let anew = folder.path().join("stress.json");
    assert_kept(&read(&golden()), &read(&anew), "");

    let file = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let (page, tables) = (file("stress.html"), file("stress.md"));
    for says in [
        "a repeated activity &lt;Echo&gt;",
        "there is no server: start one",
        "PostgreSQL 17.2",
        "200 in flight, 1000000 finished",
        "0.84 ms",
        "power loss",
        "2025-12-01 00:00 UTC",
    ] {
        assert!(page.contains(says), "{says} in the page");
    }
    for says in [
        "| hello | memory | 200 in flight | 8791 |",
        "worker processes were killed 4 times",
        "2100 a second are followed",
        "FAILED mailbox",
    ] {
        assert!(tables.contains(says), "{says} in {tables}");
    }
    for name in [
        "throughput.svg",
        "latency.svg",
        "over-time-million.svg",
        "costs-chain.svg",
        "recoveries-timers.svg",
        "saturation-hello.svg",
    ] {
        assert!(file(name).ends_with("</svg>\n"), "{name}");
    }
}

#[test]
fn a_report_of_before_is_compared() {
    is(
        duroxide_stress::diff(&golden(), &golden(), 0.99),
        ExitCode::SUCCESS,
    );
}

#[test]
fn what_is_no_report_is_not_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = read(&golden());
    report["schema"] = 1_000.into();
    let file = folder.path().join("later.json");
    fs::write(&file, report.to_string()).unwrap();
    let output = folder.path().join("output");
    is(duroxide_stress::render(&file, &output), ExitCode::FAILURE);
    assert!(!output.exists(), "nothing is written");
}
