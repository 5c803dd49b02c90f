//! The suite as a program: it runs a selection of the catalogue and reports.

mod arguments;
mod console;
mod credibility;
mod panics;
mod probe;
mod progress;
mod run;
mod selection;

use std::io::{stderr, stdout};
use std::process::ExitCode;

pub use arguments::Arguments;
pub use console::Console;

use crate::suite::Subject;
use crate::torture;
use arguments::Command;

/// The exit code of a command line that is not understood.
const USAGE: u8 = 2;
/// The word for the suite, which can be left out.
const CONFORMANCE: &str = "conformance";

/// Runs the suite on a provider, or the torture of its processes, as these arguments of a command
/// line say (without the program's name), and reports on standard output; progress goes to standard
/// error.
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
/// `conformance` runs the suite, as no command does. `torture` kills processes with `kill -9` that run
/// orchestrations on one store, and compares what they left with what they had acknowledged: it starts
/// this program again with the same arguments, so that these must lead to this call with the same
/// subject. The fixture's [`open_in`](crate::Fixture::open_in) says where the store is; what is
/// printed until it has opened it does no harm.
///
/// The exit code is 0 if everything that was chosen passed, 1 if something failed, was skipped or
/// had no store, and 2 if the arguments are not understood.
#[must_use]
pub fn main(subject: Subject, arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let (mut out, mut err) = (stdout(), stderr());
    main_on(Console::standard(&mut out, &mut err), subject, arguments)
}

/// As [`main`], with another place for the words.
#[must_use]
pub fn main_on(
    mut console: Console<'_>,
    subject: Subject,
    arguments: impl IntoIterator<Item = String>,
) -> ExitCode {
    done(&mut console, subject, arguments).unwrap_or_else(|wrong| {
        console.mention(&format!("{wrong}\n"));
        ExitCode::from(USAGE)
    })
}

/// As [`main`], with arguments that the program has read itself, beside others of its own.
#[must_use]
pub fn run_suite(subject: Subject, arguments: Arguments) -> ExitCode {
    let (mut out, mut err) = (stdout(), stderr());
    let mut console = Console::standard(&mut out, &mut err);
    let done = arguments
        .into_command()
        .and_then(|command| act(&mut console, subject, command));
    done.unwrap_or_else(|wrong| {
        console.mention(&format!("{wrong}\n"));
        ExitCode::from(USAGE)
    })
}

fn done(
    console: &mut Console<'_>,
    subject: Subject,
    arguments: impl IntoIterator<Item = String>,
) -> Result<ExitCode, String> {
    if torture::is_worker() {
        return Ok(torture::work(&subject));
    }
    let mut arguments: Vec<String> = arguments.into_iter().collect();
    match arguments.first().map(String::as_str) {
        Some(torture::COMMAND) => return torture::run(console, &subject, &arguments[1..]),
        Some(CONFORMANCE) => drop(arguments.remove(0)),
        Some(_) | None => {}
    }
    act(console, subject, Command::parse(arguments)?)
}

fn act(console: &mut Console<'_>, subject: Subject, command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Help => console.print(&arguments::help()),
        Command::List(filters) => console.print(&selection::list(&filters)?),
        Command::Run(options) => return run::run(console, subject, &options),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a command line, and does nothing.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_command_line(arguments: Vec<String>) -> Result<(), String> {
    Command::parse(arguments).map(drop)
}
