//! What is special about a file, and no case of the suite can know: damage, and two processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use duroxide::Client;
use duroxide::providers::{DeleteMode, ErrorKind, Provider, ProviderError};
use tempfile::TempDir;

use crate::options::FileOptions;
use crate::provider::FileProvider;

async fn open(path: &Path) -> Result<FileProvider, ProviderError> {
    FileProvider::open(path, FileOptions::default()).await
}

/// A file with a start in each of its three records behind the snapshot.
async fn three_starts(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("store");
    let store = Arc::new(open(&path).await.unwrap());
    let client = Client::new(Arc::clone(&store) as _);
    for id in ["a", "b", "c"] {
        client.start_orchestration(id, "Order", "").await.unwrap();
    }
    store.close().await;
    path
}

async fn ids(store: &FileProvider) -> Vec<String> {
    let page = store.admin().list_instances(&Default::default()).await;
    let records = page.unwrap().instances.into_iter();
    let ids = records.map(|it| it.head.instance.to_string());
    ids.collect()
}

/// Wherever a crash cuts the last record short, the ones before it are there and no more.
#[tokio::test]
async fn a_record_that_was_cut_short_is_dropped() {
    let folder = TempDir::new().unwrap();
    let path = three_starts(&folder).await;
    let whole = fs::read(&path).unwrap();
    let last = whole.trim_ascii_end().iter().rposition(|b| *b == b'\n');
    let last = last.unwrap() + 1;

    for cut in [last, last + 1, last + 9, last + 30, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();

        let store = open(&path).await.unwrap();

        assert_eq!(ids(&store).await, ["a", "b"], "cut at byte {cut}");
        drop(store);
        // The rest of it is gone, so that the next record begins on a line of its own.
        let store = open(&path).await.unwrap();
        assert_eq!(ids(&store).await, ["a", "b"]);
    }
}

/// A damaged byte in front of the last record is found, whichever it is.
#[tokio::test]
async fn damage_is_a_typed_error() {
    let folder = TempDir::new().unwrap();
    let path = three_starts(&folder).await;
    let whole = fs::read(&path).unwrap();
    let last = whole.trim_ascii_end().iter().rposition(|b| *b == b'\n');

    for at in 0..last.unwrap() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();

        let error = open(&path).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error:?}");
    }
    fs::write(&path, whole).unwrap();
    assert_eq!(ids(&open(&path).await.unwrap()).await, ["a", "b", "c"]);
}

/// A snapshot is never cut short by a crash, so an incomplete one is damage, even as the last line.
#[tokio::test]
async fn an_incomplete_snapshot_is_damage() {
    let folder = TempDir::new().unwrap();
    let path = three_starts(&folder).await;
    drop(open(&path).await.unwrap());
    let whole = fs::read(&path).unwrap();
    assert_eq!(whole.split_inclusive(|b| *b == b'\n').count(), 2);
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();

    let error = open(&path).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
}

#[tokio::test]
async fn one_provider_at_a_time_has_the_file() {
    let folder = TempDir::new().unwrap();
    let path = three_starts(&folder).await;
    let first = open(&path).await.unwrap();

    let error = open(&path).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    drop(first);
    open(&path).await.unwrap();
}

/// Maintenance makes a long file short, and nothing is lost by it.
#[tokio::test]
async fn maintenance_makes_the_file_shorter() {
    const MEBIBYTE: usize = 1024 * 1024;
    let bytes = |path: &Path| fs::read(path).unwrap().len();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store");
    let store = Arc::new(open(&path).await.unwrap());
    let client = Client::new(Arc::clone(&store) as _);
    let input = "x".repeat(MEBIBYTE / 2);
    for id in ["a", "b", "c"] {
        client
            .start_orchestration(id, "Order", &input)
            .await
            .unwrap();
        client.delete_instance(id, DeleteMode::Force).await.unwrap();
    }
    client.start_orchestration("d", "Order", "").await.unwrap();
    assert!(bytes(&path) > MEBIBYTE);

    store.maintain(Duration::from_secs(1)).await.unwrap();

    assert!(bytes(&path) < MEBIBYTE / 100);
    client.start_orchestration("e", "Order", "").await.unwrap();
    store.close().await;
    assert_eq!(ids(&open(&path).await.unwrap()).await, ["d", "e"]);
}
