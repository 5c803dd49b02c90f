//! Opening, closing and opening again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::process::Command;
use std::time::Duration;

use duroxide_core::providers::{
    Commit, Durability, ErrorKind, Provider, ProviderAdmin, ProviderError, StoreMetrics,
};
use duroxide_sqlite::{SqliteMode, SqliteOptions, SqliteProvider, Synchronous};
use rusqlite::Connection;
use tempfile::TempDir;

use support::{activities, activity, apply, commit_of, open, open_with, start, turns};

fn impatient(mode: SqliteMode) -> SqliteOptions {
    SqliteOptions::default()
        .mode(mode)
        .busy_timeout(Duration::from_millis(50))
}

async fn refusal(url: &str, mode: SqliteMode) -> ProviderError {
    let opened = SqliteProvider::new(url, Some(impatient(mode))).await;
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    error
}

#[tokio::test]
async fn reopening_keeps_data_and_attempts_and_frees_what_was_leased() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let provider = open(&path).await;
    apply(&provider, start("a")).await;
    let turn = provider
        .claim_turns(&turns(1))
        .await
        .unwrap()
        .items
        .remove(0);
    apply(&provider, Commit::Turn(commit_of(&turn, vec![activity(1)]))).await;
    apply(&provider, start("b")).await;
    assert_eq!(
        provider.claim_turns(&turns(9)).await.unwrap().items.len(),
        1
    );
    let claimed = provider.claim_activities(&activities(9)).await.unwrap();
    assert_eq!(claimed.items.len(), 1);
    // Without `close`, as a process that ends.
    drop(provider);

    let provider = open(&path).await;
    let head = provider
        .read_head(&support::id("a"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(head.position.next_event_id, 2);
    assert_eq!(provider.list_executions("a").await.unwrap(), [1]);
    let again = provider.claim_turns(&turns(9)).await.unwrap();
    assert_eq!(again.items.len(), 1);
    assert_eq!(again.items[0].head.instance, support::id("b"));
    assert_eq!(again.items[0].attempt, 2);
    let again = provider.claim_activities(&activities(9)).await.unwrap();
    assert_eq!(again.items[0].attempt, 2);
    provider.close().await;
}

#[tokio::test]
async fn closing_leaves_one_complete_file() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let provider = open(&path).await;
    apply(&provider, start("a")).await;
    provider.checkpoint().await.unwrap();
    let log = fs::metadata(directory.path().join("data.db-wal")).unwrap();
    assert_eq!(log.len(), 0);
    apply(&provider, start("b")).await;
    provider.close().await;
    let error = provider.checkpoint().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!directory.path().join("data.db-wal").exists());
    let connection = Connection::open(&path).unwrap();
    let sql = "SELECT count(*) FROM instance";
    let count: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 2);
}

/// As the guide says that a backup is made. The lock file is not part of it.
#[tokio::test]
async fn a_backup_of_a_store_in_use_is_a_store() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let backup = directory.path().join("backup.db");
    let provider = open(&path).await;
    apply(&provider, start("a")).await;
    let reader = Connection::open(&path).unwrap();
    let vacuum = "VACUUM INTO ?1";
    reader.execute(vacuum, [backup.to_str().unwrap()]).unwrap();
    drop(reader);
    apply(&provider, start("b")).await;
    provider.close().await;
    assert!(directory.path().join("data.db-lock").exists());
    for name in ["data.db", "data.db-lock"] {
        fs::remove_file(directory.path().join(name)).unwrap();
    }

    let provider = open(&backup).await;
    for (name, is_there) in [("a", true), ("b", false)] {
        let head = provider.read_head(&support::id(name)).await.unwrap();
        assert_eq!(head.is_some(), is_there, "{name}");
    }
    apply(&provider, start("b")).await;
    let turns = provider.claim_turns(&turns(9)).await.unwrap();
    assert_eq!(turns.items.len(), 2);
    provider.close().await;
}

#[tokio::test]
async fn nothing_is_added_to_a_log_that_a_predecessor_left() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("crashed.db");
    let provider = open(&path).await;
    apply(&provider, start("a")).await;
    // What a crash would leave.
    let later = directory.path().join("found.db");
    let log = |path: &std::path::Path| path.with_extension("db-wal");
    fs::copy(&path, &later).unwrap();
    fs::copy(log(&path), log(&later)).unwrap();
    assert!(fs::metadata(log(&later)).unwrap().len() > 0);
    provider.close().await;

    let provider = open(&later).await;
    // It may be that the disk lacks it, which no synchronisation would make up for.
    assert_eq!(fs::metadata(log(&later)).unwrap().len(), 0);
    let head = provider.read_head(&support::id("a")).await.unwrap();
    assert!(head.is_some());
    provider.close().await;
}

/// Has the process that runs this test try to open a file, and says there how that went.
const TO_OPEN: &str = "DUROXIDE_TEST_TO_OPEN";

/// The test is its own second process: run with a file to open, it does nothing else.
#[tokio::test]
async fn another_process_is_told_to_share_the_file_by_its_mode() {
    if let Ok(path) = std::env::var(TO_OPEN) {
        let error = refusal(&path, SqliteMode::SingleProcess).await;
        return fs::write(format!("{path}.answer"), error.message()).unwrap();
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let first = open(&path).await;
    let other = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "another_process_is_told_to_share_the_file_by_its_mode",
        ])
        .env(TO_OPEN, &path)
        .output()
        .unwrap();
    assert!(other.status.success(), "{other:?}");
    let answer = fs::read_to_string(format!("{}.answer", path.display())).unwrap();
    assert!(
        answer.contains("another process has the database"),
        "{answer}"
    );
    assert!(answer.contains("SqliteMode::MultiProcess"), "{answer}");
    // Within this process the file is one store, however often it is opened.
    open(&path).await;
    first.close().await;
}

#[tokio::test]
async fn one_mode_excludes_the_other_until_the_file_is_closed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let url = path.to_str().unwrap();
    let single = open(&path).await;
    refusal(url, SqliteMode::MultiProcess).await;
    // Others may read it all the while.
    let reader = Connection::open(&path).unwrap();
    reader
        .query_row("SELECT count(*) FROM instance", [], |_| Ok(()))
        .unwrap();
    drop(reader);
    single.close().await;

    let first = open_with(&path, impatient(SqliteMode::MultiProcess)).await;
    let second = open_with(&path, impatient(SqliteMode::MultiProcess)).await;
    let error = refusal(url, SqliteMode::SingleProcess).await;
    assert!(
        error.message().contains("SqliteMode::MultiProcess"),
        "{error}"
    );
    first.close().await;
    second.close().await;
    open(&path).await.close().await;
}

#[tokio::test]
async fn an_opener_waits_for_a_predecessor_that_is_closing() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    for _ in 0..5 {
        drop(open(&path).await);
    }
}

#[tokio::test]
async fn a_newer_schema_and_another_programs_file_are_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let newer = directory.path().join("newer.db");
    open(&newer).await.close().await;
    let connection = Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = refusal(newer.to_str().unwrap(), SqliteMode::SingleProcess).await;
    assert!(error.message().contains("newer duroxide"), "{error}");

    let foreign = directory.path().join("foreign.db");
    let connection = Connection::open(&foreign).unwrap();
    connection.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(connection);
    let before = fs::read(&foreign).unwrap();
    let error = refusal(foreign.to_str().unwrap(), SqliteMode::SingleProcess).await;
    assert!(error.message().contains("another program"), "{error}");
    assert_eq!(fs::read(&foreign).unwrap(), before);
}

#[tokio::test]
async fn an_empty_file_is_a_new_database_and_a_text_is_none() {
    let directory = TempDir::new().unwrap();
    let empty = directory.path().join("empty.db");
    fs::write(&empty, b"").unwrap();
    let provider = open(&empty).await;
    apply(&provider, start("a")).await;
    provider.close().await;

    let text = directory.path().join("text.db");
    fs::write(&text, "certainly no database ".repeat(100)).unwrap();
    let error = refusal(text.to_str().unwrap(), SqliteMode::SingleProcess).await;
    assert!(error.message().contains("no SQLite database"), "{error}");
}

#[tokio::test]
async fn a_missing_file_is_created_only_where_that_is_wanted() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("missing.db");
    let error = refusal(
        &format!("sqlite:{}?mode=rw", path.display()),
        SqliteMode::SingleProcess,
    )
    .await;
    assert!(error.message().contains("mode=rwc"), "{error}");
    assert!(!path.exists());
    open(&path).await.close().await;
    assert!(path.exists());

    let nowhere = directory.path().join("nowhere").join("data.db");
    let error = refusal(nowhere.to_str().unwrap(), SqliteMode::SingleProcess).await;
    let missing = nowhere.parent().unwrap().display();
    let says = format!("the directory `{missing}` of the database does not exist; create it");
    assert_eq!(error.message(), says);
}

#[tokio::test]
async fn stores_in_memory_know_nothing_of_each_other() {
    let one = SqliteProvider::new_in_memory().await.unwrap();
    let other = SqliteProvider::new("sqlite::memory:", None).await.unwrap();
    apply(&one, start("a")).await;
    assert!(one.read_head(&support::id("a")).await.unwrap().is_some());
    assert!(other.read_head(&support::id("a")).await.unwrap().is_none());
    assert_eq!(other.metrics().await.unwrap(), StoreMetrics::default());
}

#[tokio::test]
async fn durability_is_what_the_connection_says() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    for (synchronous, expected) in [
        (Synchronous::Full, Durability::PowerLoss),
        (Synchronous::Normal, Durability::ProcessCrash),
    ] {
        let options = SqliteOptions::default().synchronous(synchronous);
        let provider = open_with(&path, options).await;
        assert_eq!(provider.capabilities().durability, expected);
        provider.close().await;
    }
    let provider = SqliteProvider::new_in_memory().await.unwrap();
    assert_eq!(provider.capabilities().durability, Durability::Volatile);
}
