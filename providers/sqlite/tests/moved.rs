//! Databases that are taken away while they are open, or that may not be written.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Provider, ProviderError};
use duroxide_sqlite::SqliteProvider;
use tempfile::TempDir;

use support::{id, open, send, start, turns};

async fn commit_error(provider: &SqliteProvider, instance: &str) -> ProviderError {
    let mut answers = provider.commit(vec![start(instance)]).await;
    answers.remove(0).unwrap_err()
}

fn says_that_it_moved(error: &ProviderError) {
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("put it back"), "{error}");
}

/// Nothing is acknowledged that would be gone with the process: not a commit, not a claim, and
/// maintenance tells of it where nothing else is done.
#[tokio::test]
async fn a_database_that_is_gone_refuses_work_until_it_is_back() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let aside = directory.path().join("aside.db");
    let provider = open(&path).await;
    support::apply(&provider, start("before")).await;

    fs::rename(&path, &aside).unwrap();
    says_that_it_moved(&commit_error(&provider, "meanwhile").await);
    says_that_it_moved(&provider.claim_turns(&turns(9)).await.unwrap_err());
    says_that_it_moved(&provider.maintain(Duration::from_secs(1)).await.unwrap_err());
    assert!(!path.exists(), "no other database is put in its place");

    fs::rename(&aside, &path).unwrap();
    support::apply(&provider, send("before", Duration::ZERO)).await;
    provider.close().await;
    let provider = open(&path).await;
    let turn = provider.claim_turns(&turns(9)).await.unwrap();
    assert_eq!(turn.items.len(), 1);
    assert_eq!(turn.items[0].messages.len(), 2);
    assert_eq!(provider.read_head(&id("meanwhile")).await.unwrap(), None);
    provider.close().await;
}

#[tokio::test]
async fn a_file_in_the_databases_place_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let provider = open(&path).await;
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"somebody else's").unwrap();
    for number in 0..3 {
        says_that_it_moved(&commit_error(&provider, &format!("instance {number}")).await);
    }
    provider.close().await;
    assert_eq!(fs::read(&path).unwrap(), b"somebody else's");
}

/// The log holds what is not in the database yet.
#[tokio::test]
async fn a_log_that_is_deleted_counts_as_the_database() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    let provider = open(&path).await;
    support::apply(&provider, start("a")).await;
    fs::remove_file(directory.path().join("data.db-wal")).unwrap();
    says_that_it_moved(&commit_error(&provider, "b").await);
    provider.close().await;
}

/// Whoever is told by the system that a file is not to be written says so when opening it; a
/// privileged user is told nothing, and writes.
#[tokio::test]
async fn a_database_that_may_not_be_written_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.db");
    open(&path).await.close().await;
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let is_enforced = fs::OpenOptions::new().write(true).open(&path).is_err();
    match SqliteProvider::new(path.to_str().unwrap(), None).await {
        Ok(provider) => {
            assert!(!is_enforced, "it cannot have been opened for writing");
            provider.close().await;
        }
        Err(error) => {
            assert!(is_enforced, "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        }
    }
}

/// No user may create a file there, a privileged one included.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_that_may_not_be_written_is_refused() {
    let path = Path::new("/proc/data.db");
    let opened = SqliteProvider::new(path.to_str().unwrap(), None).await;
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.message().contains("directory"), "{error}");
}
