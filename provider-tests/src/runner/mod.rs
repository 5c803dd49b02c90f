//! The suite as a program: it runs a selection of the catalogue and reports.

mod arguments;
mod output;
mod panics;
mod probe;
mod progress;
mod run;
mod selection;

use std::process::ExitCode;

pub use arguments::FLAGS;

use crate::suite::Subject;
use arguments::Command;

/// The exit code of a command line that is not understood.
const USAGE: u8 = 2;

/// Runs the suite on a provider, as these arguments of a command line say (without the program's
/// name), and reports on standard output; progress goes to standard error.
///
/// This makes the whole tool of one line in an example of a provider's crate; `--help` says what
/// it can do:
///
/// ```text
/// fn main() -> ExitCode {
///     let subject = Subject::new(MyFixture).with_reference(MemoryFixture);
///     duroxide_provider_tests::main(subject, std::env::args().skip(1))
/// }
/// ```
///
/// The exit code is 0 if everything that was chosen passed, 1 if something failed, was skipped or
/// had no store, and 2 if the arguments are not understood.
#[must_use]
pub fn main(subject: Subject, arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let done = Command::parse(arguments).and_then(|command| match command {
        Command::Help => output::print(&arguments::help()),
        Command::List(filters) => output::print(&selection::list(&filters)?),
        Command::Run(options) => run::run(subject, &options),
    });
    done.unwrap_or_else(|wrong| {
        output::complain(&wrong);
        ExitCode::from(USAGE)
    })
}
