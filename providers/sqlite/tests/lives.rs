//! What replacing and expiry cost, and that long histories go slice by slice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{
    Commit, ExecutionStatus, ExecutionUpdate, HistoryChunk, IfExists, Provider, ReadHistory,
    Recipient, TurnCommit,
};
use duroxide_sqlite::{SqliteOptions, SqliteProvider};
use tempfile::TempDir;

use support::{apply, commit_of, id, open_with, send, start, turns};

const SECOND: Duration = Duration::from_secs(1);
/// More than four slices.
const EXECUTIONS: u64 = 1_100;

/// The next turn of the only instance that can be claimed.
async fn next_turn(provider: &SqliteProvider, instance: &str) -> TurnCommit {
    apply(provider, send(instance, Duration::ZERO)).await;
    let turn = provider.claim_turns(&turns(1)).await.unwrap();
    commit_of(&turn.items[0], Vec::new())
}

/// The same, as the last one.
async fn last_turn(provider: &SqliteProvider, expire_after: Option<Duration>) -> TurnCommit {
    let mut commit = next_turn(provider, "a").await;
    commit.executions[0].status = ExecutionStatus::Completed;
    commit.expire_after = expire_after;
    commit
}

async fn cost(provider: &SqliteProvider, operation: Commit) -> u64 {
    let before = provider.stats().statements;
    apply(provider, operation).await;
    provider.stats().statements - before
}

fn replacing(instance: &str) -> Commit {
    let mut operation = start(instance);
    if let Commit::Send(envelope) = &mut operation
        && let Recipient::NewInstance(newborn) = &mut envelope.recipient
    {
        newborn.if_exists = IfExists::ReplaceEnded;
    }
    operation
}

/// Runs an instance through many executions to its end.
async fn long_life(provider: &SqliteProvider, expire_after: Option<Duration>) {
    apply(provider, start("a")).await;
    let mut commit = last_turn(provider, expire_after).await;
    let update = |execution, status| ExecutionUpdate {
        execution,
        chunk: Some(HistoryChunk {
            first_event_id: 1,
            event_count: 1,
            body: "chunk".into(),
        }),
        status,
        output: None,
    };
    let mut executions: Vec<_> = (1..EXECUTIONS)
        .map(|execution| update(execution, ExecutionStatus::ContinuedAsNew))
        .collect();
    executions.push(update(EXECUTIONS, ExecutionStatus::Completed));
    commit.executions = executions;
    apply(provider, Commit::Turn(commit)).await;
}

/// How many rows the tables have in which something of an instance could be left.
fn rows(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    let tables = "SELECT (SELECT count(*) FROM history) + (SELECT count(*) FROM execution)
        + (SELECT count(*) FROM removal) + (SELECT count(*) FROM inbox)
        + (SELECT count(*) FROM instance WHERE id = 'a')";
    connection.query_row(tables, [], |row| row.get(0)).unwrap()
}

/// An end that expires writes the time, and no other turn does; a start that may replace costs what
/// another one does where there is nobody.
#[tokio::test]
async fn only_those_who_use_it_pay() {
    let directory = TempDir::new().unwrap();
    let provider = open_with(&directory.path().join("data.db"), SqliteOptions::default()).await;
    apply(&provider, start("first")).await;
    let plain = cost(&provider, start("second")).await;
    assert_eq!(cost(&provider, replacing("third")).await, plain);
    for instance in ["first", "second", "third"] {
        let turn = provider.claim_turns(&turns(1)).await.unwrap();
        let commit = commit_of(&turn.items[0], Vec::new());
        assert_eq!(&*commit.instance, instance);
        apply(&provider, Commit::Turn(commit)).await;
    }

    apply(&provider, start("a")).await;
    let first = next_turn(&provider, "a").await;
    apply(&provider, Commit::Turn(first)).await;
    let end = last_turn(&provider, None).await;
    let plain = cost(&provider, Commit::Turn(end)).await;
    apply(&provider, replacing("a")).await;
    let first = next_turn(&provider, "a").await;
    apply(&provider, Commit::Turn(first)).await;
    let mut running = next_turn(&provider, "a").await;
    running.expire_after = Some(SECOND);
    // The row of a running execution is true still.
    assert_eq!(cost(&provider, Commit::Turn(running)).await, plain - 1);
    let end = last_turn(&provider, Some(SECOND)).await;
    assert_eq!(cost(&provider, Commit::Turn(end)).await, plain + 1);
    provider.close().await;
}

/// The record goes first, and the rest in several transactions: whoever dies in between, the next process
/// goes on, and nothing comes back.
#[tokio::test]
async fn a_sweep_that_is_cut_is_finished_by_the_next_process() {
    for calls in 1..=8 {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("data.db");
        let clock = ManualClock::at_ms(1_767_571_200_000);
        let options = || SqliteOptions::default().clock(Arc::new(clock.clone()));
        let provider = open_with(&path, options()).await;
        long_life(&provider, Some(SECOND)).await;
        clock.advance(SECOND);
        let mut is_left = true;
        for _ in 0..calls {
            let next = provider.maintain(SECOND).await.unwrap();
            is_left = next == Some(Duration::ZERO);
        }
        // Without an orderly end.
        drop(provider);

        let provider = open_with(&path, options()).await;
        assert_eq!(provider.read_head(&id("a")).await.unwrap(), None);
        assert_eq!(rows(&path) > 0, calls < 5, "after {calls} calls");
        assert!(is_left || calls > 5, "after {calls} calls");
        let metrics = provider.admin().metrics().await.unwrap().totals;
        assert_eq!((metrics.total_executions, metrics.total_events), (0, 0));
        apply(&provider, start("a")).await;
        let history = ReadHistory {
            instance: id("a"),
            execution: EXECUTIONS,
            from_event_id: 1,
            bytes_max: 1_000,
        };
        let page = provider.read_history(&history).await.unwrap();
        assert!(page.chunks.is_empty());
        while provider.maintain(SECOND).await.unwrap() == Some(Duration::ZERO) {}
        assert_eq!(rows(&path), 2, "the new life and its start");
        provider.close().await;
    }
}

/// A start in the place of a long history takes a slice of it along, and maintenance the rest.
#[tokio::test]
async fn a_long_history_is_no_burden_for_who_replaces_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let provider = open_with(&path, SqliteOptions::default()).await;
    long_life(&provider, None).await;
    let before = rows(&path);

    apply(&provider, replacing("a")).await;

    let after = rows(&path);
    assert!(
        after < before && after > 1_000,
        "{before} rows, then {after}"
    );
    while provider.maintain(SECOND).await.unwrap() == Some(Duration::ZERO) {}
    assert_eq!(rows(&path), 2);
    provider.close().await;
}
