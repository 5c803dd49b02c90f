//! The torture run has teeth, and any provider can have it: a store in a file passes, one that is gone
//! with its process is found out.
//!
//! This is a program of its own: the torture starts it again as the process that it kills.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to the person who runs it"
)]
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::providers::Provider;
use duroxide_memory::MemoryProvider;
use duroxide_provider_tests::{Fixture, Store, Subject, Unavailable};
use duroxide_sqlite::SqliteMode;
use duroxide_sqlite::conformance::SqliteFixture;

/// A provider that acknowledges everything and keeps it to itself.
struct Forgetful;

#[async_trait]
impl Fixture for Forgetful {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Err(Unavailable::new("it is only tortured"))
    }

    async fn open_in(&self, _folder: &Path) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::new(MemoryProvider::new()))
    }
}

/// A sound provider that has something to say whenever it is opened.
struct Talkative;

#[async_trait]
impl Fixture for Talkative {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Err(Unavailable::new("it is only tortured"))
    }

    async fn open_in(&self, folder: &Path) -> Result<Arc<dyn Provider>, Unavailable> {
        println!("opening a store");
        let opened = sqlite().open_in(folder).await;
        eprintln!("{WARNING}");
        opened
    }
}

const WARNING: &str = "warning: a setting of this store is deprecated";

/// A provider that nobody can open in another process.
struct Closed;

#[async_trait]
impl Fixture for Closed {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Err(Unavailable::new("it is only tortured"))
    }
}

fn sqlite() -> SqliteFixture {
    SqliteFixture::on_disk(SqliteMode::SingleProcess)
}

fn subject(name: &str) -> Option<Subject> {
    match name {
        "sound" => Some(Subject::new(sqlite())),
        "talkative" => Some(Subject::new(Talkative)),
        "forgetful" => Some(Subject::new(Forgetful)),
        "closed" => Some(Subject::new(Closed)),
        _ => None,
    }
}

/// Tortures a provider in a process of its own.
fn torture(name: &str) -> Output {
    let program = std::env::current_exe().expect("the program knows where it is");
    let arguments = [name, "torture", "kill", "--short", "--seed", "1"];
    let output = Command::new(program).args(arguments).output();
    output.expect("the program can be started again")
}

fn check(name: &str, is_sound: bool, says: &[&str]) {
    let output = torture(name);
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), is_sound, "{name}: {out}\n{err}");
    for says in says {
        assert!(format!("{out}{err}").contains(says), "{name}: {out}\n{err}");
    }
    println!("test the torture of a {name} provider ... ok");
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if let Some(subject) = arguments.next_if(|name| subject(name).is_some())
        && let Some(subject) = self::subject(&subject)
    {
        return duroxide_provider_tests::main(subject, arguments);
    }
    if arguments.any(|argument| argument == "--list") {
        // As the harness that is not there would say.
        println!("main: test");
        return ExitCode::SUCCESS;
    }
    if std::env::args().any(|argument| argument == "--ignored") {
        // None of this is, and it has been run without.
        return ExitCode::SUCCESS;
    }
    check("sound", true, &["PASSED, 5 kills"]);
    check("talkative", true, &["PASSED, 5 kills", WARNING]);
    check("forgetful", false, &["FAILED: "]);
    check("closed", false, &["write its `open_in`"]);
    ExitCode::SUCCESS
}
