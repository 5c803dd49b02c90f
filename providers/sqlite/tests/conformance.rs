//! The SQLite provider keeps the contract, in each of its modes.

#![expect(clippy::expect_used, reason = "a case fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::Provider;
use duroxide_provider_tests::{Fixture, Store, TestClock, conformance_tests};
use duroxide_sqlite::{SqliteMode, SqliteOptions, SqliteProvider};
use tempfile::TempDir;

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// Makes databases for providers of this mode, in memory if there is none.
struct Sqlite(Option<SqliteMode>);

struct SqliteStore {
    mode: Option<SqliteMode>,
    clock: ManualClock,
    directory: TempDir,
}

#[async_trait]
impl Fixture for Sqlite {
    async fn create(&self) -> Box<dyn Store> {
        Box::new(SqliteStore {
            mode: self.0,
            clock: ManualClock::at_ms(NOW_MS),
            directory: TempDir::new().expect("a directory for the database"),
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn connect(&self) -> Arc<dyn Provider> {
        let options = SqliteOptions::default().clock(Arc::new(self.clock.clone()));
        let provider = match self.mode {
            Some(mode) => {
                let file = self.directory.path().join("conformance.db");
                let url = format!("sqlite:{}", file.display());
                SqliteProvider::new(&url, Some(options.mode(mode))).await
            }
            None => SqliteProvider::new("sqlite::memory:", Some(options)).await,
        };
        Arc::new(provider.expect("the database can be opened"))
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}

mod single_process {
    super::conformance_tests! {
        fixture = super::Sqlite(Some(super::SqliteMode::SingleProcess)),
        profiles = [required, management, durable],
    }
}

mod multi_process {
    super::conformance_tests! {
        fixture = super::Sqlite(Some(super::SqliteMode::MultiProcess)),
        profiles = [required, management, durable, multi_handle],
    }
}

mod in_memory {
    super::conformance_tests! {
        fixture = super::Sqlite(None),
        profiles = [required, management],
    }
}
