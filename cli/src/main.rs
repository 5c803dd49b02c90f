//! The command line of duroxide.

mod backend;
mod command;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod interrupt;
mod measured;
mod nearest;
mod schema;
mod scheme;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run()
}
