//! The command line.

mod completions;
mod conformance;
mod stress;

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

use self::completions::Completions;
use self::conformance::Conformance;
use self::stress::Stress;
use crate::schema::Schema;
use crate::scheme::is_url;

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
    Stress(Stress),
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
        Command::Stress(stress) => stress.run(),
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
    let tip = tip(&error);
    for kind in CULPRITS {
        if culprit(&error, kind).is_some_and(may_hold_a_password) {
            error.insert(kind, ContextValue::String("URL".to_owned()));
            // It repeats the argument as well.
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(Vec::new()));
        }
    }
    if let Some(tip) = tip {
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    // A reader that went away, as `head` does, is no mistake of anybody.
    error.print().ok();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
}

/// Where an error has the argument that is wrong.
const CULPRITS: [ContextKind; 3] = [
    ContextKind::InvalidArg,
    ContextKind::InvalidSubcommand,
    ContextKind::InvalidValue,
];

fn culprit(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

fn may_hold_a_password(text: &str) -> bool {
    text.contains("://")
}

/// What to say to somebody who gives a URL without the flag that takes it.
fn tip(error: &clap::Error) -> Option<String> {
    let is_value_of_a_flag = culprit(error, ContextKind::InvalidValue).is_some()
        && culprit(error, ContextKind::InvalidArg).is_some_and(|flag| flag.starts_with("--"));
    let mut culprits = CULPRITS.iter().filter_map(|kind| culprit(error, *kind));
    let url = culprits.find(|text| is_url(text))?;
    if is_value_of_a_flag {
        return None;
    }
    let command = if error.kind() == ErrorKind::InvalidSubcommand {
        "duroxide conformance "
    } else {
        ""
    };
    let shown = if may_hold_a_password(url) { "URL" } else { url };
    Some(format!(
        "a backend is named by a flag: '{command}--backend {shown}'"
    ))
}

fn print(text: &str) -> ExitCode {
    // As above.
    stdout().lock().write_all(text.as_bytes()).ok();
    ExitCode::SUCCESS
}

fn refuse(wrong: &str) -> ExitCode {
    complain(&format!(
        "error: {wrong}\n\nFor more information, try '--help'.\n"
    ));
    ExitCode::from(USAGE)
}

fn complain(text: &str) {
    // There is nobody left to tell.
    stderr().lock().write_all(text.as_bytes()).ok();
}
