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
