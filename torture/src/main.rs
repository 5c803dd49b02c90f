//! Kills processes that run orchestrations on a backend of this repository, and checks that nothing
//! was lost and nothing was done twice: `cargo xtask torture`.
//!
//! The torture itself is that of `duroxide-provider-tests`, which is open to any provider; here is
//! only what is different about each backend.
#![allow(
    clippy::print_stderr,
    reason = "a command-line tool talks to the person who runs it"
)]

use std::process::ExitCode;

use clap::{Args, Parser, ValueEnum};
use duroxide_postgres::conformance::PostgresFixture;
use duroxide_provider_tests::Subject;
use duroxide_redis::conformance::RedisFixture;
use duroxide_sqlite::SqliteMode;
use duroxide_sqlite::conformance::SqliteFixture;

/// The variables with the URL of the server for `check`: it may hold a password, and a command line
/// that somebody copies is seen by others.
const POSTGRES_URL_VARIABLE: &str = "DUROXIDE_TORTURE_POSTGRES_URL";
const REDIS_URL_VARIABLE: &str = "DUROXIDE_TORTURE_REDIS_URL";

/// The exit code of a command line that is not understood.
const USAGE: u8 = 2;

/// Kills processes that run orchestrations on a backend of duroxide, and checks that nothing was
/// lost and nothing was done twice
#[derive(Debug, Parser)]
#[command(name = "duroxide-torture")]
enum CommandLine {
    /// One process, killed at 25 random moments with 50 orchestrations in flight
    Kill(Run),
    /// Three processes on one store, one of them killed every second, with 1,000 orchestrations
    Processes(Run),
    /// What a run left in a folder, once more
    Check {
        /// How the store was used; for postgres the URL of the database is in
        /// DUROXIDE_TORTURE_POSTGRES_URL, for redis that of the server in DUROXIDE_TORTURE_REDIS_URL
        #[arg(value_enum)]
        mode: Mode,
        /// The folder
        folder: String,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// postgres://..., for a schema of its own in that database, or redis://..., for keys of its own on
    /// that server, either of which is removed afterwards; a SQLite file otherwise
    #[arg(long, value_name = "URL")]
    backend: Option<String>,
    /// Fewer kills, for every day
    #[arg(long = "short")]
    is_short: bool,
    /// The moments and the mixture, drawn anew for each run otherwise
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Keep the store and the ledger, as a failure does
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Mode {
    SingleProcess,
    MultiProcess,
    Postgres,
    Redis,
}

impl CommandLine {
    /// The store that is tortured, and the words that say how; or what is wrong.
    fn into_torture(self) -> Result<(Subject, Vec<String>), String> {
        let (subject, mut words) = match self {
            Self::Kill(run) => (run.subject(SqliteMode::SingleProcess)?, run.words("kill")),
            Self::Processes(run) => (
                run.subject(SqliteMode::MultiProcess)?,
                run.words("processes"),
            ),
            Self::Check { mode, folder } => (mode.subject()?, vec!["check".to_owned(), folder]),
        };
        words.insert(0, "torture".to_owned());
        Ok((subject, words))
    }
}

impl Run {
    fn subject(&self, mode: SqliteMode) -> Result<Subject, String> {
        match &self.backend {
            None => Ok(sqlite(mode)),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(postgres(url))
            }
            Some(url) if url.starts_with("redis://") || url.starts_with("rediss://") => {
                Ok(redis(url))
            }
            // Without the URL, which may hold a password.
            Some(_) => Err(
                "--backend takes postgres://USER@HOST/DATABASE or redis://HOST, for a Cluster \
                 redis://HOST:PORT,HOST:PORT; without it a SQLite file is made"
                    .to_owned(),
            ),
        }
    }

    fn words(&self, command: &str) -> Vec<String> {
        let mut words = vec![command.to_owned()];
        if self.is_short {
            words.push("--short".to_owned());
        }
        if self.keep {
            words.push("--keep".to_owned());
        }
        words.extend(self.seed.map(|seed| format!("--seed={seed}")));
        words
    }
}

impl Mode {
    fn subject(self) -> Result<Subject, String> {
        match self {
            Self::SingleProcess => Ok(sqlite(SqliteMode::SingleProcess)),
            Self::MultiProcess => Ok(sqlite(SqliteMode::MultiProcess)),
            Self::Postgres => Ok(postgres(&url_in(POSTGRES_URL_VARIABLE)?)),
            Self::Redis => Ok(redis(&url_in(REDIS_URL_VARIABLE)?)),
        }
    }
}

fn url_in(variable: &str) -> Result<String, String> {
    std::env::var(variable).map_err(|_| format!("set {variable} to the URL of the server"))
}

fn sqlite(mode: SqliteMode) -> Subject {
    Subject::new(SqliteFixture::on_disk(mode))
}

fn postgres(url: &str) -> Subject {
    Subject::new(PostgresFixture::listening().at(url))
}

fn redis(url: &str) -> Subject {
    Subject::new(RedisFixture::at_url(url))
}

fn main() -> ExitCode {
    match CommandLine::parse().into_torture() {
        Ok((subject, words)) => duroxide_provider_tests::main(subject, words),
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::from(USAGE)
        }
    }
}
