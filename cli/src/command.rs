//! The command line.

mod completions;
mod conformance;

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};

use self::completions::Completions;
use self::conformance::Conformance;
use crate::schema::Schema;

/// The exit code of a command line that is not understood.
const USAGE: u8 = 2;

/// Tools for duroxide, durable execution embedded in your program.
#[derive(Debug, Parser)]
#[command(name = "duroxide", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Conformance(Conformance),
    Schema(Schema),
    Completions(Completions),
}

/// Does what the arguments say.
pub(crate) fn run() -> ExitCode {
    let command = match CommandLine::try_parse() {
        Ok(line) => line.command,
        Err(error) => return misunderstood(error),
    };
    match command {
        Command::Conformance(conformance) => conformance.run(),
        Command::Schema(schema) => match schema.sql() {
            Ok(sql) => print(&sql),
            Err(wrong) => refuse(&wrong),
        },
        Command::Completions(completions) => print(&completions.script()),
    }
}

/// Says what is wrong with the arguments, or what was asked for instead of a command. An argument
/// that may be a URL is not repeated: it may hold a password.
fn misunderstood(mut error: clap::Error) -> ExitCode {
    for kind in [
        ContextKind::InvalidArg,
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidValue,
    ] {
        let is_url = |value: &ContextValue| matches!(value, ContextValue::String(text) if text.contains("://"));
        if error.get(kind).is_some_and(is_url) {
            error.insert(kind, ContextValue::String("URL".to_owned()));
            // It repeats the argument as well.
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(Vec::new()));
        }
    }
    // A reader that went away, as `head` does, is no mistake of anybody.
    error.print().ok();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
}

fn print(text: &str) -> ExitCode {
    // As above.
    stdout().lock().write_all(text.as_bytes()).ok();
    ExitCode::SUCCESS
}

fn refuse(wrong: &str) -> ExitCode {
    complain(&format!("{wrong}\n--help says what can be chosen\n"));
    ExitCode::from(USAGE)
}

fn complain(text: &str) {
    // There is nobody left to tell.
    stderr().lock().write_all(text.as_bytes()).ok();
}
