//! What the examples share: the choice of a backend, and what is said when something goes wrong.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to the person who runs it"
)]

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use duroxide::providers::{self, Provider, ProviderError};
use tempfile::TempDir;

/// What can be given to an example, after `--` if cargo runs it.
const ARGUMENTS: &str = "[--backend URL]

  --backend URL  the store to work on: memory:, sqlite:PATH or, built with --features postgres,
                 postgres://USER:PASSWORD@HOST:PORT/DATABASE, or with --features redis,
                 redis://USER:PASSWORD@HOST:PORT/DATABASE
                 [default: a SQLite file that is deleted in the end]";

/// The exit code of a command line that is not understood.
const USAGE: u8 = 2;

/// The store that an example works on.
pub(crate) struct Backend {
    pub(crate) url: String,
    _dir: Option<TempDir>,
}

impl Backend {
    pub(crate) async fn connect(&self) -> Result<Arc<dyn Provider>, ProviderError> {
        providers::connect(&self.url).await
    }
}

/// Runs an example on the store that its arguments name. An error that `main` returned would be
/// shown as programmers see it, so it is written here.
pub(crate) async fn run<Run, Running>(example: Run) -> ExitCode
where
    Run: FnOnce(Backend) -> Running + Send,
    Running: Future<Output = Result<(), Box<dyn Error>>> + Send,
{
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let backend = match arguments[..] {
        [] => in_a_new_folder(),
        ["--backend", url] => Ok(Backend {
            url: url.to_owned(),
            _dir: None,
        }),
        ["--help" | "-h"] => {
            println!("{}", usage());
            return ExitCode::SUCCESS;
        }
        // They are not repeated: one may be a URL with a password.
        _ => {
            eprintln!("these arguments are not understood\n\n{}", usage());
            return ExitCode::from(USAGE);
        }
    };
    match backend {
        Ok(backend) => exit_code(example(backend).await),
        Err(error) => exit_code(Err(error.into())),
    }
}

/// Says what went wrong, if anything did.
pub(crate) fn exit_code(done: Result<(), Box<dyn Error>>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn in_a_new_folder() -> io::Result<Backend> {
    let dir = TempDir::new()?;
    let url = format!("sqlite:{}", dir.path().join("example.db").display());
    Ok(Backend {
        url,
        _dir: Some(dir),
    })
}

fn usage() -> String {
    format!("Usage: {} {ARGUMENTS}", env!("CARGO_CRATE_NAME"))
}
