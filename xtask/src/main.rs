//! Chores of this repository: `cargo xtask test`, `cargo xtask ci`, `cargo xtask torture` and
//! `cargo xtask certify`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to the person who runs it"
)]

mod certify;
mod examples;
mod fuzz;
mod servers;
mod steps;
mod storage;
mod torture;

use std::process::ExitCode;

use servers::Servers;
use steps::Steps;
use torture::Torture;

const USAGE: &str = "\
usage: cargo xtask COMMAND [--no-install]

  test           unit and integration tests, documentation tests, the conformance of the backends,
                 examples, a short torture, and the tests that need servers, as far as these can
                 be had
  test --all     the same, and fails if a server cannot be had
  test servers   only the tests that need servers, with the conformance and a short torture of the
                 backends on them; fails if a server cannot be had
  ci             format, clippy, documentation, then test --all, a failing disk, and half a
                 minute of fuzzing
  torture        everything with faults that are drawn anew each time, and a longer fuzzing, in
                 about twenty minutes; --short for a look, --seed NUMBER to repeat a run
  fuzz SECONDS   call everything that is decoded with bytes that libFuzzer makes, each of the
                 targets in fuzz/ for so long
  certify        run the conformance suite on every backend, and write docs/conformance and the
                 table of backends in README.md; fails if a server cannot be had

What is missing (servers, a C++ compiler for libFuzzer, libclang for the failing disk) is installed
with apt-get by root on Debian and Ubuntu, but not with --no-install.
";

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let no_install = args.iter().any(|argument| argument == "--no-install");
    args.retain(|argument| argument != "--no-install");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test"] => test(Steps::default(), no_install).summary("test"),
        ["test", "--all"] => test_all(Steps::default(), no_install).summary("test --all"),
        ["test", "servers"] => {
            let mut steps = Steps::default();
            test_on_servers(&mut steps, &mut Servers::new(no_install));
            steps.insist();
            steps.summary("test servers")
        }
        ["ci"] => ci(no_install).summary("ci"),
        ["torture", arguments @ ..] if let Some(torture) = Torture::parse(arguments) => {
            let mut steps = Steps::default();
            torture.run(&mut steps, no_install);
            steps.insist();
            steps.summary("torture")
        }
        ["fuzz", seconds] => fuzz_for(seconds, no_install),
        ["certify"] => {
            let mut steps = Steps::default();
            certify::run(&mut steps, &mut Servers::new(no_install), no_install);
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

/// Everything that must hold before a change is merged.
fn ci(no_install: bool) -> Steps {
    let mut steps = test(checks(), no_install);
    Torture::short().fail_disks(&mut steps, no_install);
    fuzz::run(&mut steps, no_install, fuzz::SECONDS_IN_CI);
    steps.insist();
    steps
}

fn fuzz_for(seconds: &str, no_install: bool) -> ExitCode {
    let Ok(seconds @ 1..) = seconds.parse::<u32>() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut steps = Steps::default();
    fuzz::run(&mut steps, no_install, seconds);
    steps.insist();
    steps.summary("fuzz")
}

/// The tests, where one that was not run is a failure.
fn test_all(steps: Steps, no_install: bool) -> Steps {
    let mut steps = test(steps, no_install);
    steps.insist();
    steps
}

fn test(mut steps: Steps, no_install: bool) -> Steps {
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
    Torture::short().kill_processes(&mut steps);
    test_on_servers(&mut steps, &mut Servers::new(no_install));
    examples::run(&mut steps);
    steps
}

/// What needs a server.
fn test_on_servers(steps: &mut Steps, servers: &mut Servers) {
    servers.test_packages(steps);
    for mode in ["listening", "polling"] {
        let name = format!("conformance of Postgres, {mode}");
        match servers.variable(steps, "postgres") {
            Ok((variable, url)) => {
                let (variable, url) = (variable.to_owned(), url.to_owned());
                let arguments = [&CONFORMANCE[..], &[&url, "--mode", mode]].concat();
                steps.cargo(&name, &arguments, &[(&variable, &url)]);
            }
            Err(why) => steps.not_run(&name, &why),
        }
    }
    Torture::short().kill_processes_on_servers(steps, servers);
}

/// What runs the suite through the command line, up to the URL.
const CONFORMANCE: [&str; 7] = [
    "run",
    "--quiet",
    "--package",
    "duroxide-cli",
    "--",
    "conformance",
    "--backend",
];

/// The suite through the command line, as those who choose a backend run it.
fn conformance(steps: &mut Steps) {
    let file = std::env::temp_dir().join("duroxide.db");
    let sqlite = format!("sqlite:{}", file.display());
    for (name, url) in [("memory", "memory:"), ("SQLite", &sqlite)] {
        let name = format!("conformance of {name}");
        steps.cargo(&name, &[&CONFORMANCE[..], &[url]].concat(), &[]);
    }
}
