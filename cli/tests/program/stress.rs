//! Backends under load.

use crate::{duroxide, text};

#[cfg(feature = "sqlite")]
#[test]
fn backends_are_measured_side_by_side() {
    use std::fs;
    use std::process::Command;

    let folder = tempfile::tempdir().unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_duroxide"));
    run.args(["stress", "--backend", "memory", "--backend", "sqlite"])
        .args(["--workload", "hello", "--duration", "1s", "--warm-up", "0s"])
        .args(["--in-flight", "4", "--output", "out"])
        .current_dir(folder.path());
    let output = run.output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    for word in ["hello     memory", "hello     sqlite", "4 in flight"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    let progress = text(&output.stderr);
    assert!(progress.contains("hello on sqlite ...\n"), "{progress}");
    let rewrites = progress.contains(['\r', '\u{1b}']);
    assert!(!rewrites, "no line is rewritten in a pipe: {progress}");
    // The stores are gone, and the report is there.
    let left = fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left.map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["out"]);
    let page = fs::read_to_string(folder.path().join("out/stress.html")).unwrap();
    assert!(page.contains("sqlite"), "{page}");
}

#[test]
fn a_backend_is_named_and_known() {
    for (arguments, says) in [
        (&["stress"][..], "--backend memory"),
        (&["stress", "--backend", "sqlite:x.db"], "a new folder"),
        (
            &["stress", "--backend", "memory", "--workload", "hallo"],
            "there is no workload hallo",
        ),
    ] {
        let output = duroxide(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{says} in {said}");
    }
}

#[test]
fn a_report_is_rendered_and_compared() {
    let golden = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../stress/tests/golden/report_1.json"
    );
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let rendered = duroxide(&["stress", "render", golden, output.to_str().unwrap()]);
    assert_eq!(rendered.status.code(), Some(0), "{rendered:?}");
    assert!(output.join("stress.html").is_file());

    let compared = duroxide(&["stress", "diff", golden, golden]);
    assert_eq!(compared.status.code(), Some(0), "{compared:?}");
    let said = text(&compared.stdout);
    for word in ["ratio", "spread", "round trips", "the same"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    let nothing = duroxide(&["stress", "diff", golden, "nowhere.json"]);
    assert_eq!(nothing.status.code(), Some(1), "{nothing:?}");
}

/// What a report says of its runs, none of which may be wrong.
#[cfg(feature = "sqlite")]
fn runs_in(folder: &std::path::Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("out/stress.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let runs = report["runs"].as_array().unwrap().clone();
    for run in &runs {
        let wrong = &run["outcome"]["measured"]["wrong"];
        assert_eq!(wrong, &serde_json::json!([]), "{run}");
    }
    runs
}

/// Runs `duroxide stress` in a folder, which must go well.
#[cfg(feature = "sqlite")]
fn stress_in(folder: &std::path::Path, arguments: &[&str]) {
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_duroxide"));
    run.arg("stress").args(arguments).args(["--output", "out"]);
    let output = run.current_dir(folder).output().unwrap();
    let (said, failed) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{failed}");
}

#[cfg(feature = "sqlite")]
#[test]
fn nothing_is_lost_where_processes_are_killed_and_calls_fail() {
    let folder = tempfile::tempdir().unwrap();
    let load = [
        "--workload",
        "mixed",
        "--in-flight",
        "8",
        "--duration",
        "6s",
    ];
    let backends = ["--backend", "sqlite", "--backend", "memory", "--chaos"];
    stress_in(folder.path(), &[&backends[..], &load].concat());

    let runs = runs_in(folder.path());
    let figures = |place: usize| &runs[place]["outcome"]["measured"];
    assert!(figures(0)["chaos"]["kills"].as_u64().unwrap() > 0);
    assert_eq!(figures(0)["processes"], 2);
    // A store in memory has calls that fail, and nobody to be killed.
    assert_eq!(figures(1)["chaos"]["kills"], 0);
    assert_eq!(figures(1)["processes"], 0);
}

#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis"))]
#[test]
#[ignore = "needs a PostgreSQL and a Redis server: cargo xtask test finds or starts them"]
fn every_workload_runs_on_every_server() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--duration", "1s", "--warm-up", "0s", "--size", "100"];
    let backends = [
        "--backend",
        "postgres",
        "--backend",
        "redis",
        "--backend",
        "redis-cluster",
    ];
    let load = ["--in-flight", "4", "--payload", "1000"];
    stress_in(folder.path(), &[&backends[..], &small, &load].concat());
    let runs = runs_in(folder.path());
    assert!(runs.len() > 40, "{}", runs.len());
}

#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis"))]
#[test]
#[ignore = "needs a PostgreSQL and a Redis server: cargo xtask test finds or starts them"]
fn processes_share_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let load = [
        "--workload",
        "mixed",
        "--in-flight",
        "8",
        "--duration",
        "6s",
    ];
    let backends = ["--backend", "postgres", "--backend", "redis", "--chaos"];
    stress_in(folder.path(), &[&backends[..], &load].concat());
    for run in runs_in(folder.path()) {
        assert!(
            run["outcome"]["measured"]["chaos"]["kills"]
                .as_u64()
                .unwrap()
                > 0,
            "{run}"
        );
    }
}
