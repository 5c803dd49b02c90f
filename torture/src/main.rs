//! Kills processes that run orchestrations, and checks that nothing was lost and nothing was done
//! twice: `cargo xtask torture`.
//!
//! The parent starts copies of this program as workers on one SQLite file, asks them to start
//! orchestrations and to raise events, and writes down what they acknowledged. It kills them with
//! SIGKILL at moments drawn from a seed. In the end it reads the store and compares.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to the person who runs it"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "processes are killed at moments of real time"
)]

mod child;
mod driver;
mod ledger;
mod plan;
mod shape;
mod verify;
mod worker;

use std::process::ExitCode;

use plan::Plan;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "\
usage: duroxide-torture kill|processes [--short] [--seed N]

  kill        one process, killed at 25 random moments with 50 orchestrations in flight
  processes   three processes on one file, one of them killed every second, 1,000 orchestrations

  --short     fewer kills, for every day
  --seed N    the moments and the mixture, drawn anew for each run otherwise";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, url, mode] = arguments.as_slice()
        && command == worker::COMMAND
    {
        return end(worker::run(url, mode));
    }
    match Plan::parse(&arguments) {
        Some(plan) => end(driver::run(&plan)),
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn end(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}
