//! Counting what is asked of SQLite.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a provider has asked of SQLite since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteStats {
    /// Statements of every kind. A waiting provider in
    /// [`SingleProcess`](crate::SqliteMode::SingleProcess) mode issues none.
    pub statements: u64,
    /// Transactions that wrote something and were synchronised with the disk.
    pub durable_commits: u64,
    /// Transactions that wrote something and left it to the operating system: leases, and
    /// everything under [`Synchronous::Normal`](crate::Synchronous::Normal) or in memory.
    pub unsynced_commits: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    statements: AtomicU64,
    durable_commits: AtomicU64,
    unsynced_commits: AtomicU64,
}

impl Counters {
    pub(crate) fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_commit(&self, is_durable: bool) {
        let counter = if is_durable {
            &self.durable_commits
        } else {
            &self.unsynced_commits
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> SqliteStats {
        SqliteStats {
            statements: self.statements.load(Ordering::Relaxed),
            durable_commits: self.durable_commits.load(Ordering::Relaxed),
            unsynced_commits: self.unsynced_commits.load(Ordering::Relaxed),
        }
    }
}
