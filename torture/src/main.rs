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

use duroxide_postgres::conformance::PostgresFixture;
use duroxide_provider_tests::Subject;
use duroxide_sqlite::SqliteMode;
use duroxide_sqlite::conformance::SqliteFixture;

/// The variable with the URL of the database for `check`: it may hold a password, and a command line
/// that somebody copies is seen by others.
const URL_VARIABLE: &str = "DUROXIDE_TORTURE_POSTGRES_URL";

const USAGE: &str = "\
usage: duroxide-torture kill|processes [--backend URL] [--short] [--seed N] [--keep]
       duroxide-torture check MODE FOLDER

  kill        one process, killed at 25 random moments with 50 orchestrations in flight
  processes   three processes on one store, one of them killed every second, with 1,000 orchestrations
  check       what a run left in a folder, once more; the mode is single_process, multi_process or
              postgres, for which the URL of the database is in DUROXIDE_TORTURE_POSTGRES_URL

  --backend   postgres://..., for a schema of its own in that database, which is removed afterwards;
              a SQLite file otherwise
  --short     fewer kills, for every day
  --seed N    the moments and the mixture, drawn anew for each run otherwise
  --keep      keeps the store and the ledger, as a failure does";

/// The store that is tortured, and the words that say how.
fn parse(mut words: Vec<String>) -> Option<(Subject, Vec<String>)> {
    let sqlite = |mode| Subject::new(SqliteFixture::on_disk(mode));
    let postgres = |url: &str| Subject::new(PostgresFixture::listening().at(url));
    let url = match words.iter().position(|word| word == "--backend") {
        Some(place) if place + 1 < words.len() => {
            words.remove(place);
            Some(words.remove(place))
        }
        _ => None,
    };
    let is_postgres =
        |url: &str| url.starts_with("postgres://") || url.starts_with("postgresql://");
    let subject = match (words.first()?.as_str(), url) {
        ("check", None) => {
            let mode = (words.len() == 3).then(|| words.remove(1))?;
            match mode.as_str() {
                "single_process" => sqlite(SqliteMode::SingleProcess),
                "multi_process" => sqlite(SqliteMode::MultiProcess),
                "postgres" => postgres(&std::env::var(URL_VARIABLE).ok()?),
                _ => return None,
            }
        }
        ("kill" | "processes", Some(url)) if is_postgres(&url) => postgres(&url),
        ("kill", None) => sqlite(SqliteMode::SingleProcess),
        ("processes", None) => sqlite(SqliteMode::MultiProcess),
        _ => return None,
    };
    words.insert(0, "torture".to_owned());
    Some((subject, words))
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1).collect()) {
        Some((subject, words)) => duroxide_provider_tests::main(subject, words),
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
