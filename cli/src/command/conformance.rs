//! The suite, on a backend that the program knows.

use std::process::ExitCode;

use clap::Args;
use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{Arguments, Subject, run_suite};

use super::{complain, refuse};
use crate::backend::{Backend, Refused};

const BACKEND: &str = "The backend";

/// Check a backend against the provider contract
#[derive(Debug, Args)]
#[command(after_help = "\
Backends:
  memory:          a store in this process
  sqlite:PATH      databases in a new folder beside PATH, which is removed afterwards, and by
                   Ctrl-C; PATH itself is not touched
  sqlite::memory:  databases in memory
  postgres://USER:PASSWORD@HOST:PORT/DATABASE
                   schemas duroxide_conformance_... in this database, which are removed afterwards,
                   and by Ctrl-C; the role needs the right to create them, and each of the --jobs
                   some twenty connections
  redis://USER:PASSWORD@HOST:PORT/DATABASE, or of a Cluster redis://HOST:PORT,HOST:PORT
                   keys duroxide-conformance-... on this server, by TLS with rediss://, which are
                   removed afterwards, and by Ctrl-C; whoever must not use SCAN, CLIENT LIST and
                   CLIENT KILL cannot remove them

Exit code: 0 passed; 1 something failed, was skipped or had no store; 2 a wrong argument.")]
pub(super) struct Conformance {
    /// The backend, for example memory:
    #[arg(long, value_name = "URL", help_heading = BACKEND)]
    backend: Option<String>,
    /// Of sqlite:PATH single_process or multi_process [default: single_process]; of postgres:
    /// listening or polling, as behind a proxy that pools transactions [default: listening]; of redis:
    /// single, partitioned or cluster [default: cluster for a list of servers, single otherwise]
    #[arg(long, value_name = "NAME", help_heading = BACKEND)]
    mode: Option<String>,
    #[command(flatten)]
    suite: Arguments,
}

impl Conformance {
    pub(super) fn run(self) -> ExitCode {
        let url = match self.backend {
            Some(url) => url,
            // Every backend has the same cases.
            None if self.suite.only_lists() => "memory:".to_owned(),
            None => return refuse("say which backend to check, for example --backend memory:"),
        };
        match Backend::open(&url, self.mode.as_deref()) {
            Ok(backend) => check(backend, self.suite),
            Err(Refused::Usage(wrong)) => refuse(&wrong),
            #[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
            Err(Refused::Unavailable(remedy)) => {
                complain(&format!("{remedy}\n"));
                ExitCode::FAILURE
            }
        }
    }
}

/// Checks a backend and removes what that needed, whatever came of it.
fn check(backend: Backend, suite: Arguments) -> ExitCode {
    let subject: Subject = backend.subject().with_reference(MemoryFixture);
    let code = run_suite(subject, suite);
    match backend.close() {
        Ok(()) => code,
        Err(wrong) => {
            complain(&format!("{wrong}\n"));
            ExitCode::FAILURE
        }
    }
}
