//! What a report says of how processes ended: no more than what was done to them.

use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::providers::Provider;
use duroxide_provider_tests::{Ending, Fixture, Store, Subject, TestClock, Unavailable};
use duroxide_sqlite::SqliteMode;
use duroxide_sqlite::conformance::SqliteFixture;
use serde_json::json;

use super::outcome::run;

const DURABLE: [&str; 2] = ["--profile", "durable"];

fn sqlite() -> SqliteFixture {
    SqliteFixture::on_disk(SqliteMode::SingleProcess)
}

/// SQLite, by a fixture that can do no more to a process than let go of its handle.
struct OnlyDrops;

struct OnlyDropped(Box<dyn Store>);

#[async_trait]
impl Fixture for OnlyDrops {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Ok(Box::new(OnlyDropped(sqlite().create().await?)))
    }
}

#[async_trait]
impl Store for OnlyDropped {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        self.0.connect().await
    }

    fn clock(&self) -> &dyn TestClock {
        self.0.clock()
    }
}

/// SQLite, by a fixture that says it kills and lets everything live.
struct OnlySaysSo;

struct LeftAlive(Box<dyn Store>);

#[async_trait]
impl Fixture for OnlySaysSo {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Ok(Box::new(LeftAlive(sqlite().create().await?)))
    }
}

#[async_trait]
impl Store for LeftAlive {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        self.0.connect().await
    }

    async fn crash(&self) -> Result<Ending, Unavailable> {
        Ok(Ending::ProcessKilled)
    }

    fn clock(&self) -> &dyn TestClock {
        self.0.clock()
    }
}

#[test]
fn a_fixture_that_only_says_that_it_kills_is_not_believed() {
    let run = run(Subject::new(OnlySaysSo), &DURABLE);
    assert_eq!(run.report["endings"], json!(["handle_dropped"]));
    let says = "what a handle did after its `crash` is in the store that was opened next";
    assert!(run.err.contains(says), "{}", run.err);
}

#[test]
fn where_processes_are_killed_the_report_says_so() {
    let run = run(Subject::new(sqlite()), &DURABLE);
    assert!(run.passed(), "{}", run.out);
    assert_eq!(run.report["endings"], json!(["process_killed"]));
    assert_eq!(run.report["clauses"]["DUR-02"], "passed");
}

#[test]
fn a_fixture_that_cannot_kill_is_said_to_have_dropped_handles() {
    let run = run(Subject::new(OnlyDrops), &DURABLE);
    assert!(run.passed(), "{}", run.out);
    assert_eq!(run.report["endings"], json!(["handle_dropped"]));
    let says = "processes with a store: handle dropped";
    assert!(run.out.contains(says), "{}", run.out);
}

#[test]
fn what_has_no_setting_to_read_back_is_not_said_to_have_passed() {
    let run = run(Subject::new(OnlyDrops), &DURABLE);
    assert_eq!(run.report["clauses"]["DUR-02"], "not_supported");
    assert_eq!(run.report["clauses"]["DUR-01"], "passed");
    assert_eq!(run.profile("durable")["result"], "passed");
    assert_eq!(run.profile("durable")["not_supported"], 1);
}
