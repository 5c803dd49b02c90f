//! Measures duroxide backends under load: how fast they are, at which cost, and whether everything was done, and
//! done once.
//!
//! ```no_run
//! # use std::process::ExitCode;
//! # fn run(fixture: impl duroxide_provider_tests::Fixture) -> ExitCode {
//! duroxide_stress::main("mine", fixture, std::env::args())
//! # }
//! ```
#![allow(
    clippy::cast_precision_loss,
    reason = "a figure is read to three digits"
)]

mod arguments;
mod console;
mod deployment;
mod diff;
mod experiment;
mod failure;
mod interrupt;
mod limit;
mod load;
mod process;
mod progress;
mod recorder;
mod render;
mod report;
mod run;
mod show;
mod target;
mod verdict;
mod workers;
mod workload;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use duroxide_provider_tests::Fixture;

pub use arguments::Arguments;
pub use diff::diff;
pub use render::render;
pub use run::stress;
pub use show::{Format, show};
pub use target::Target;

/// The arguments of a program of one backend.
#[derive(Debug, Parser)]
#[command(about = "Measures a backend of duroxide under load")]
struct CommandLine {
    #[command(flatten)]
    arguments: Arguments,
}

/// Measures one backend as the arguments of a command line say: a whole tool of one line.
///
/// The exit code is 0 if everything was measured and nothing is wrong, 1 if not, and 2 if the arguments are not
/// understood.
#[must_use]
pub fn main(
    name: &str,
    fixture: impl Fixture,
    arguments: impl IntoIterator<Item = String>,
) -> ExitCode {
    let line = CommandLine::parse_from(arguments);
    let target = Target::new(name, Arc::new(fixture));
    stress(&[target], line.arguments)
}
