//! Kills processes that run orchestrations, and checks that nothing was lost and nothing was done
//! twice: `cargo xtask torture`.
//!
//! The parent starts copies of this program as workers on one store, asks them to start
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

mod backend;
mod child;
mod code;
mod driver;
mod history;
mod ledger;
mod plan;
mod scene;
mod shape;
mod verify;
mod worker;

use std::process::ExitCode;

use ledger::Ledger;
use plan::Plan;
use scene::Scene;

/// The command that checks what a run left.
const CHECK: &str = "check";

type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "\
usage: duroxide-torture kill|processes [--backend URL] [--short] [--seed N] [--keep]
       duroxide-torture check MODE FOLDER

  kill        one process, killed at 25 random moments with 50 orchestrations in flight
  processes   three processes on one store, one of them killed again and again: every second, with
              1,000 orchestrations, on a SQLite file; every other second, with 2,000, on Postgres
  check       what a run left in a folder, once more; for the mode postgres the URL of the database
              is in DUROXIDE_TORTURE_POSTGRES_URL

  --backend   postgres://..., for a schema of its own in that database, which is removed afterwards;
              a SQLite file otherwise
  --short     fewer kills, for every day
  --seed N    the moments and the mixture, drawn anew for each run otherwise
  --keep      keeps the store and the ledger, as a failure does";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, mode, directory] = arguments.as_slice()
        && let Some(scene) = Scene::parse(mode, directory)
    {
        match command.as_str() {
            worker::COMMAND => return end(worker::run(&scene)),
            CHECK => return end(check(&scene)),
            _ => {}
        }
    }
    match Plan::parse(&arguments) {
        Some(plan) => end(driver::run(&plan)),
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn check(scene: &Scene) -> Result<(), Failure> {
    let summary = verify::check(scene, &Ledger::read(&scene.ledger())?)?;
    println!("check: PASSED, {summary}");
    Ok(())
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
