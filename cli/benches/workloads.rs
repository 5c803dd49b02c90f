//! How fast the backends are: `cargo bench --bench workloads`, which is `duroxide stress` with something to begin with.
//!
//! What follows `--` goes to `duroxide stress`, for example `cargo bench --bench workloads -- --backend redis
//! --workload chain`. Without `--bench`, as `cargo test --benches` calls it, everything is done in small.
#![allow(
    clippy::print_stderr,
    reason = "a benchmark talks to the person who runs it"
)]

use std::process::{Command, ExitCode};

/// What is measured if nothing is said.
const BACKENDS: [&str; 4] = ["--backend", "memory", "--backend", "sqlite"];
const SHORT: [&str; 8] = [
    "--duration",
    "1s",
    "--warm-up",
    "0s",
    "--in-flight",
    "2",
    "--size",
    "100",
];
/// A million instances take minutes.
const LONG: [&str; 4] = ["--duration", "5s", "--size", "20000"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_bench = arguments.iter().any(|it| it == "--bench");
    let mut stress = Command::new(env!("CARGO_BIN_EXE_duroxide"));
    stress.arg("stress");
    if is_bench {
        let asked: Vec<&String> = arguments.iter().filter(|it| *it != "--bench").collect();
        let says = |word: &str| asked.iter().any(|it| it.starts_with(word));
        if !says("--backend") && !says("--list") {
            stress.args(BACKENDS);
        }
        if !says("--duration") && !says("--size") && !says("--list") {
            stress.args(LONG);
        }
        stress.args(asked);
    } else {
        // Words of a test run are the names of tests.
        stress.args(BACKENDS).args(SHORT);
    }
    match stress.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("duroxide cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}
