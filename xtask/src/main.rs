//! Chores of this repository: `cargo xtask test`, `cargo xtask ci` and `cargo xtask certify`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to the person who runs it"
)]

mod certify;
mod examples;
mod steps;

use std::process::ExitCode;

use steps::Steps;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test      unit and integration tests, documentation tests, the conformance of the backends,
            examples
  ci        format, clippy, documentation, then test
  certify   run the conformance suite on every backend, and write docs/conformance and the table
            of backends in README.md
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["test"] => test(Steps::default()).summary("test"),
        ["ci"] => test(checks()).summary("ci"),
        ["certify"] => {
            let mut steps = Steps::default();
            certify::run(&mut steps);
            steps.summary("certify")
        }
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What is wrong without running anything.
fn checks() -> Steps {
    let mut steps = Steps::default();
    steps.cargo("format", &["fmt", "--all", "--check"], &[]);
    steps.cargo(
        "clippy",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    );
    steps.cargo(
        "clippy, facade without features",
        &[
            "clippy",
            "--package",
            "duroxide",
            "--lib",
            "--no-default-features",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    );
    steps.cargo(
        "documentation",
        &["doc", "--workspace", "--all-features", "--no-deps"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    );
    steps
}

fn test(mut steps: Steps) -> Steps {
    steps.cargo(
        "unit and integration tests",
        &[
            "test",
            "--workspace",
            "--all-features",
            "--all-targets",
            "--no-fail-fast",
        ],
        &[],
    );
    steps.cargo(
        "documentation tests",
        &[
            "test",
            "--workspace",
            "--all-features",
            "--doc",
            "--no-fail-fast",
        ],
        &[],
    );
    conformance(&mut steps);
    examples::run(&mut steps);
    steps
}

/// The suite through the command line, as those who choose a backend run it.
fn conformance(steps: &mut Steps) {
    let file = std::env::temp_dir().join("duroxide.db");
    let sqlite = format!("sqlite:{}", file.display());
    for (name, url) in [("memory", "memory:"), ("SQLite", &sqlite)] {
        steps.cargo(
            &format!("conformance of {name}"),
            &[
                "run",
                "--quiet",
                "--package",
                "duroxide-cli",
                "--",
                "conformance",
                "--backend",
                url,
            ],
            &[],
        );
    }
}
