//! What a database costs, as its meter tells.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use duroxide_provider_tests::{CostScope, Costs, Fixture as _, MeteredStore};
use duroxide_sqlite::SqliteMode;
use duroxide_sqlite::conformance::SqliteFixture;
use tempfile::TempDir;

use support::start;

const COMMITS: u64 = 20;

/// What so many commits cost, one after the other, and what is stored after them.
async fn cost_of_commits(fixture: &SqliteFixture, folder: &Path) -> (Costs, MeteredStore) {
    let store = fixture.open_to_measure(folder).await.unwrap();
    let meter = store.meter.clone().unwrap();
    assert_eq!(meter.scope(), CostScope::Handle);
    let from = meter.read().await.unwrap();
    for number in 0..COMMITS {
        let commit = start(&format!("instance-{number}"));
        store.provider.commit(vec![commit]).await.remove(0).unwrap();
    }
    let to = meter.read().await.unwrap();
    let grown = |field: fn(&Costs) -> Option<u64>| Some(field(&to)? - field(&from)?);
    let costs = Costs {
        statements: grown(|it| it.statements),
        durable_commits: grown(|it| it.durable_commits),
        written_bytes: grown(|it| it.written_bytes),
        ..to
    };
    (costs, store)
}

#[tokio::test]
async fn each_commit_to_a_file_is_durable_and_written() {
    for mode in [SqliteMode::SingleProcess, SqliteMode::MultiProcess] {
        let folder = TempDir::new().unwrap();
        let (costs, store) = cost_of_commits(&SqliteFixture::on_disk(mode), folder.path()).await;
        assert_eq!(costs.durable_commits, Some(COMMITS));
        assert!(costs.statements > Some(COMMITS), "{costs:?}");
        let stored = costs.stored_bytes.unwrap();
        if cfg!(target_os = "linux") {
            let written = costs.written_bytes.unwrap();
            // A page for each at least, and nothing of other threads.
            assert!(written >= COMMITS * 4096, "{costs:?}");
            assert!(written <= stored, "{costs:?}");
        }
        let absent = Costs {
            round_trips: None,
            server_cpu: None,
            server_peak_memory_bytes: None,
            ..costs
        };
        assert_eq!(costs, absent);
        store.provider.close().await;
        // What is counted by the provider's own threads is told as long as they are there.
        let closed = store.meter.unwrap().read().await.unwrap();
        assert_eq!(closed.written_bytes, None);
        assert!(closed.stored_bytes > Some(0));
    }
}

#[tokio::test]
async fn a_database_in_memory_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let (costs, _store) = cost_of_commits(&SqliteFixture::in_memory(), folder.path()).await;
    assert!(costs.statements > Some(COMMITS), "{costs:?}");
    assert_eq!(costs.durable_commits, Some(0));
    assert_eq!((costs.written_bytes, costs.stored_bytes), (None, None));
}
