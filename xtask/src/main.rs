//! Chores of this repository: `cargo xtask --help` names them.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to the person who runs it"
)]

mod benchmarks;
mod certify;
mod checks;
mod command;
mod conformance;
mod examples;
mod fuzz;
mod load;
mod programs;
mod servers;
mod steps;
mod storage;
mod test;
mod torture;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    command::CommandLine::parse().run()
}
