//! Several providers of one process on one file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{ErrorKind, Limits, Provider, Queues, TaskQueue};
use duroxide_sqlite::{SqliteMode, SqliteOptions, SqliteProvider, Synchronous};
use tempfile::TempDir;

use support::{apply, id, open, open_with, send, start, turns};

const LONG: Duration = Duration::from_secs(20);

async fn is_there(provider: &SqliteProvider, instance: &str) -> bool {
    provider.read_head(&id(instance)).await.unwrap().is_some()
}

fn log_exists(path: &Path) -> bool {
    path.with_extension("db-wal").exists()
}

#[tokio::test]
async fn a_second_provider_is_a_handle_on_the_same_store() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let first = open(&path).await;
    apply(&first, start("a")).await;
    let claimed = first.claim_turns(&turns(1)).await.unwrap().items;
    assert_eq!(claimed.len(), 1);

    let second = open(&path).await;

    // It is no restart: what the first one has leased is its own.
    assert!(
        second
            .claim_turns(&turns(9))
            .await
            .unwrap()
            .items
            .is_empty()
    );
    // Each hears at once of what the other does.
    let queues = Queues {
        turns: vec![TaskQueue::default()],
        activities: Vec::new(),
    };
    let (waited, ()) = tokio::join!(
        second.wait_for_work(&queues, LONG),
        apply(&first, start("b"))
    );
    waited.unwrap();
    assert_eq!(second.claim_turns(&turns(9)).await.unwrap().items.len(), 1);
    assert_eq!(first.stats(), second.stats());
    first.close().await;
    second.close().await;
    assert!(!log_exists(&path));
}

#[tokio::test]
async fn closing_one_ends_its_calls_and_nobody_elses() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let first = open(&path).await;
    let second = open(&path).await;
    let queues = Queues {
        turns: vec![TaskQueue::default()],
        activities: Vec::new(),
    };

    let (ended, ()) = tokio::join!(first.wait_for_work(&queues, LONG), first.close());

    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Unavailable);
    let answers = first.commit(vec![start("a")]).await;
    assert_eq!(
        answers[0].as_ref().unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    let refused = [
        first.read_head(&id("a")).await.err(),
        first.claim_turns(&turns(1)).await.err(),
        first.maintain(LONG).await.err(),
        first.checkpoint().await.err(),
        first.wait_for_change(&[], LONG).await.err(),
    ];
    for error in refused {
        assert_eq!(error.unwrap().kind(), ErrorKind::Unavailable);
    }
    apply(&second, start("a")).await;
    // Another one joins those that are left.
    let third = open(&path).await;
    second.close().await;
    second.close().await;
    assert!(is_there(&third, "a").await);
    third.close().await;
    assert!(!log_exists(&path));

    let fourth = open(&path).await;
    assert!(is_there(&fourth, "a").await);
    fourth.close().await;
}

#[tokio::test]
async fn one_that_is_dropped_is_closed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let first = open(&path).await;
    drop(open(&path).await);
    apply(&first, start("a")).await;
    first.close().await;
    assert!(!log_exists(&path));
}

#[tokio::test]
async fn many_open_at_once_and_share_one_store() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let opening = (0..8).map(|_| {
        let path = path.clone();
        tokio::spawn(async move { open(&path).await })
    });
    let mut providers = Vec::new();
    for opened in opening.collect::<Vec<_>>() {
        providers.push(opened.await.unwrap());
    }
    apply(&providers[0], start("a")).await;
    for provider in &providers {
        apply(provider, send("a", Duration::ZERO)).await;
    }
    for provider in providers {
        provider.close().await;
    }
    assert!(!log_exists(&path));
}

#[tokio::test]
async fn other_options_are_refused_by_name() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let first = open(&path).await;
    let options = SqliteOptions::default;
    let others = [
        ("mode", options().mode(SqliteMode::MultiProcess)),
        ("synchronous", options().synchronous(Synchronous::Normal)),
        ("busy_timeout", options().busy_timeout(LONG)),
        ("limits", options().history_events_max(7)),
        (
            "clock",
            options().clock(Arc::new(ManualClock::at_ms(1_767_571_200_000))),
        ),
    ];
    for (name, options) in others {
        let opened = SqliteProvider::new(path.to_str().unwrap(), Some(options)).await;
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        let expected = format!("open with another `{name}`");
        assert!(error.message().contains(&expected), "{error}");
    }
    let same = options()
        .limits(Limits::default())
        .busy_timeout(Duration::from_secs(5));
    let second = open_with(&path, same).await;
    first.close().await;
    apply(&second, start("a")).await;
    second.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn one_file_is_one_store_by_whatever_path() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(directory.path(), &link).unwrap();
    let first = open(&path).await;
    let second = open(&link.join("data.db")).await;
    apply(&first, start("a")).await;
    assert!(is_there(&second, "a").await);
    first.close().await;
    second.close().await;
}

/// What is written to a file that nobody can find is not shared.
#[cfg(unix)]
#[tokio::test]
async fn a_store_whose_file_is_gone_is_not_joined() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let first = open(&path).await;
    for name in ["data.db", "data.db-wal", "data.db-shm", "data.db-lock"] {
        std::fs::remove_file(directory.path().join(name)).unwrap();
    }
    let second = open(&path).await;
    apply(&second, start("a")).await;
    let answers = first.commit(vec![start("b")]).await;
    assert!(answers[0].is_err());
    first.close().await;
    assert!(is_there(&second, "a").await);
    second.close().await;
}
