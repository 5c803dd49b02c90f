//! What values cost, and that those that have expired are removed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{
    Commit, NewValue, Provider, ReadValues, TurnCommit, ValueKey, ValueUpdate,
};
use duroxide_sqlite::{SqliteOptions, SqliteProvider, Synchronous};
use tempfile::TempDir;

use support::{apply, commit_of, id, open_with, send, start, turns};

const SECOND: Duration = Duration::from_secs(1);

fn set(commit: &mut TurnCommit, key: &str, expires_after: Option<Duration>) {
    commit.values.push(ValueUpdate {
        key: ValueKey::from(key),
        value: Some(NewValue {
            value: "value".into(),
            expires_after,
        }),
    });
}

/// The next turn of the only instance.
async fn next_turn(provider: &SqliteProvider) -> TurnCommit {
    apply(provider, send("a", Duration::ZERO)).await;
    let turn = provider.claim_turns(&turns(1)).await.unwrap();
    commit_of(&turn.items[0], Vec::new())
}

async fn cost(provider: &SqliteProvider, commit: TurnCommit) -> u64 {
    let before = provider.stats().statements;
    apply(provider, Commit::Turn(commit)).await;
    provider.stats().statements - before
}

/// Only commits with values pay for them: one statement for each, and a look at what is kept for those
/// that set one to keep.
#[tokio::test]
async fn each_value_costs_a_statement() {
    let directory = TempDir::new().unwrap();
    let options = SqliteOptions::default().synchronous(Synchronous::Normal);
    let provider = open_with(&directory.path().join("data.db"), options).await;
    apply(&provider, start("a")).await;
    let first = next_turn(&provider).await;
    apply(&provider, Commit::Turn(first)).await;

    let plain = next_turn(&provider).await;
    let plain = cost(&provider, plain).await;
    let mut commit = next_turn(&provider).await;
    set(&mut commit, "x", None);
    set(&mut commit, "y", None);
    assert_eq!(cost(&provider, commit).await, plain + 1 + 2);
    let mut commit = next_turn(&provider).await;
    set(&mut commit, "z", Some(SECOND));
    assert_eq!(cost(&provider, commit).await, plain + 1);

    let before = provider.stats().statements;
    let keys = ["x", "absent", "y"].map(ValueKey::from).to_vec();
    let request = ReadValues::named(id("a"), keys);
    assert_eq!(provider.read_values(&request).await.unwrap().len(), 2);
    assert_eq!(provider.stats().statements - before, 1);
    provider.close().await;
}

/// Values that have expired are removed by maintenance, also those of a former process, and none is looked
/// for before it is due.
#[tokio::test]
async fn maintenance_removes_what_has_expired() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let clock = ManualClock::at_ms(1_767_571_200_000);
    let options = || SqliteOptions::default().clock(Arc::new(clock.clone()));
    let provider = open_with(&path, options()).await;
    apply(&provider, start("a")).await;
    let mut commit = next_turn(&provider).await;
    set(&mut commit, "stays", None);
    set(&mut commit, "later", Some(SECOND * 100));
    set(&mut commit, "soon", Some(SECOND));
    apply(&provider, Commit::Turn(commit)).await;
    provider.maintain(SECOND).await.unwrap();
    provider.close().await;

    let provider = open_with(&path, options()).await;
    clock.advance(SECOND);
    provider.maintain(SECOND).await.unwrap();
    assert_eq!(count(&path), 2);
    provider.maintain(SECOND).await.unwrap();
    let before = provider.stats();
    provider.maintain(SECOND).await.unwrap();
    assert_eq!(provider.stats(), before);
    clock.advance(SECOND * 100);
    provider.maintain(SECOND).await.unwrap();
    assert_eq!(count(&path), 1);
    provider.close().await;
}

/// How many values the file has, whether they are there or have expired.
fn count(path: &std::path::Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    let count = connection.query_row("SELECT count(*) FROM value", [], |row| row.get(0));
    count.unwrap()
}
