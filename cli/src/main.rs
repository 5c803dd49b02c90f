//! The command line of duroxide.

mod backend;
mod command;
#[cfg(feature = "sqlite")]
mod interrupt;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run(std::env::args().skip(1).collect())
}
