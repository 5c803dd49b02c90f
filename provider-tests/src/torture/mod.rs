//! Kills processes that run orchestrations, and checks that nothing was lost and nothing was done
//! twice.
//!
//! The parent starts its own program again as workers on one store, asks them to start orchestrations
//! and to raise events, and writes down what they acknowledged. It kills them with SIGKILL at moments
//! drawn from a seed. In the end it reads the store and compares.
#![allow(
    clippy::disallowed_methods,
    reason = "processes are killed at moments of real time"
)]

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

use crate::runner::Console;
use crate::suite::Subject;

pub use history::check_history;

use ledger::Ledger;
use plan::Command;
use scene::Scene;

/// The word that [`main`](crate::main) takes for it.
pub(crate) const COMMAND: &str = "torture";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Whether this process was started to be a worker. If so, nothing else is to be done than
/// [`work`].
pub(crate) fn is_worker() -> bool {
    std::env::var_os(worker::FOLDER_VARIABLE).is_some()
}

/// Lives the life of a worker.
pub(crate) fn work(subject: &Subject) -> ExitCode {
    let folder = std::env::var_os(worker::FOLDER_VARIABLE).unwrap_or_default();
    let ended = worker::run(&Scene::new(folder.into(), subject));
    ended.map_or_else(|error| worker::fail(&error), |()| ExitCode::SUCCESS)
}

/// Does what the arguments say that follow the word; the error says what is wrong with them.
pub(crate) fn run(
    console: &mut Console<'_>,
    subject: &Subject,
    arguments: &[String],
) -> Result<ExitCode, String> {
    let done = match Command::parse(arguments)? {
        Command::Help(text) => {
            console.print(&text);
            Ok(())
        }
        Command::Check(folder) => check(console, &Scene::new(folder, subject)),
        Command::Run(plans) => driver::run_all(console, subject, &plans),
    };
    Ok(done.map_or_else(
        |error| {
            console.mention(&format!("FAILED: {error}\n"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    ))
}

fn check(console: &mut Console<'_>, scene: &Scene) -> Result<(), Failure> {
    let checked = verify::check(scene, &Ledger::read(&scene.ledger())?)?;
    console.print(&format!("check: PASSED, {}\n", checked.summary));
    Ok(())
}
