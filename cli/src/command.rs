//! The command line.

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{FLAGS, Subject};

use crate::backend::{Backend, Refused};
use crate::schema;

/// The exit code of a command line that is not understood.
const USAGE: u8 = 2;

const HELP: &str = "\
Tools for duroxide, durable execution embedded in your program.

usage: duroxide COMMAND

commands:
  conformance   check a backend against the provider contract; --help says more
  schema        print the SQL that makes a store, for a database that programs may not change

flags:
  --help        this text
  --version     the version
";

const CONFORMANCE: &str = "\
Checks a backend against the provider contract.

usage: duroxide conformance --backend URL [COMMAND] [FLAGS]

the backend:
  --backend URL          memory:          a store in this process
                         sqlite:PATH      databases in a new folder beside PATH, which is removed
                                          afterwards, and by Ctrl-C; PATH itself is not touched
                         sqlite::memory:  databases in memory
                         postgres://USER:PASSWORD@HOST:PORT/DATABASE
                                          schemas duroxide_conformance_... in this database, which
                                          are removed afterwards, and by Ctrl-C; the role needs the
                                          right to create them, and each of the --jobs some twenty
                                          connections
  --mode NAME            of sqlite:PATH: single_process or multi_process (single_process)
                         of postgres: listening or polling, as behind a proxy that pools
                                          transactions (listening)

";

/// Does what the arguments say.
pub(crate) fn run(mut arguments: Vec<String>) -> ExitCode {
    let first = if arguments.is_empty() {
        None
    } else {
        Some(arguments.remove(0))
    };
    match first.as_deref() {
        Some("conformance") => conformance(arguments),
        Some("schema") => print_schema(arguments),
        Some("--help" | "-h" | "help") => print(HELP),
        Some("--version" | "-V") => print(concat!("duroxide ", env!("CARGO_PKG_VERSION"), "\n")),
        None => {
            complain(HELP);
            ExitCode::from(USAGE)
        }
        Some(other) => refuse(&format!(
            "there is no command {other:?}; use conformance, schema, --help or --version"
        )),
    }
}

fn conformance(mut arguments: Vec<String>) -> ExitCode {
    if asks_for_help(&arguments) {
        return print(&format!("{CONFORMANCE}{FLAGS}"));
    }
    let chosen = take(&mut arguments, "--backend")
        .and_then(|url| Ok((url, take(&mut arguments, "--mode")?)));
    let (url, mode) = match chosen {
        Ok(chosen) => chosen,
        Err(wrong) => return refuse(&wrong),
    };
    let is_a_list = arguments.first().is_some_and(|word| word == "list");
    let url = match url {
        Some(url) => url,
        // Every backend has the same cases.
        None if is_a_list => "memory:".to_owned(),
        None => return refuse("say which backend to check, for example --backend memory:"),
    };
    match Backend::open(&url, mode.as_deref()) {
        Ok(backend) => check(backend, arguments),
        Err(Refused::Usage(wrong)) => refuse(&wrong),
        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        Err(Refused::Unavailable(remedy)) => {
            complain(&format!("{remedy}\n"));
            ExitCode::FAILURE
        }
    }
}

fn print_schema(mut arguments: Vec<String>) -> ExitCode {
    if asks_for_help(&arguments) {
        return print(schema::HELP);
    }
    let chosen = take(&mut arguments, "--backend")
        .and_then(|url| Ok((url, take(&mut arguments, "--schema")?)));
    let (url, name) = match chosen {
        Ok(chosen) => chosen,
        Err(wrong) => return refuse(&wrong),
    };
    if !arguments.is_empty() {
        return refuse("schema takes --backend and --schema, and nothing else");
    }
    let Some(url) = url else {
        return refuse("say for which backend, for example --backend postgres:");
    };
    match schema::sql(&url, name.as_deref()) {
        Ok(sql) => print(&sql),
        Err(wrong) => refuse(&wrong),
    }
}

fn asks_for_help(arguments: &[String]) -> bool {
    arguments
        .iter()
        .any(|word| word == "--help" || word == "-h")
}

/// Checks a backend and removes what that needed, whatever came of it.
fn check(backend: Backend, arguments: Vec<String>) -> ExitCode {
    let subject: Subject = backend.subject().with_reference(MemoryFixture);
    let code = duroxide_provider_tests::main(subject, arguments);
    match backend.close() {
        Ok(()) => code,
        Err(wrong) => {
            complain(&format!("{wrong}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Takes a flag and its value out of the arguments; the last one counts.
fn take(arguments: &mut Vec<String>, flag: &str) -> Result<Option<String>, String> {
    let mut value = None;
    let mut rest = Vec::new();
    let mut words = arguments.drain(..);
    while let Some(word) = words.next() {
        if word == flag {
            value = Some(
                words
                    .next()
                    .ok_or_else(|| format!("{flag} needs a value"))?,
            );
        } else if let Some(given) = word.strip_prefix(flag).and_then(|it| it.strip_prefix('=')) {
            value = Some(given.to_owned());
        } else {
            rest.push(word);
        }
    }
    drop(words);
    *arguments = rest;
    Ok(value)
}

fn print(text: &str) -> ExitCode {
    // A reader that went away, as `head` does, is no mistake of anybody.
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
