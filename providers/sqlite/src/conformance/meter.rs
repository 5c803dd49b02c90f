//! What a database costs.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use duroxide_provider_tests::{CostMeter, CostScope, Costs, Unavailable};

use crate::SqliteProvider;

/// What the thread that writes has been given to write, by Linux.
const WRITTEN: &str = "/proc/thread-self/io";

/// Reads what was asked of SQLite through all handles of this process on the database, and what is in its files.
///
/// There is neither a server nor a network. The bytes that were written are those that the thread which writes gave
/// to the system: the log, the file, and a few by which it wakes others. Only Linux counts them.
pub(super) struct SqliteMeter {
    provider: Arc<SqliteProvider>,
}

impl SqliteMeter {
    pub(super) fn new(provider: Arc<SqliteProvider>) -> Self {
        Self { provider }
    }

    fn path(&self) -> Option<&Path> {
        self.provider.store.setup.location.path()
    }

    async fn written_bytes(&self) -> Option<u64> {
        self.path()?;
        let told = self
            .provider
            .aside("costs", |_| Ok(written_by_this_thread()));
        // Whoever has closed the provider hears the rest.
        told.await.ok().flatten()
    }
}

#[async_trait]
impl CostMeter for SqliteMeter {
    fn scope(&self) -> CostScope {
        CostScope::Handle
    }

    async fn read(&self) -> Result<Costs, Unavailable> {
        let stats = self.provider.stats();
        Ok(Costs {
            statements: Some(stats.statements),
            durable_commits: Some(stats.durable_commits),
            written_bytes: self.written_bytes().await,
            stored_bytes: self.path().and_then(stored_bytes),
            ..Costs::default()
        })
    }
}

fn written_by_this_thread() -> Option<u64> {
    let io = fs::read_to_string(WRITTEN).ok()?;
    let written = io.lines().find_map(|line| line.strip_prefix("wchar:"))?;
    written.trim().parse().ok()
}

/// The sizes of the database and of its log, which is not there while nobody has it open.
fn stored_bytes(path: &Path) -> Option<u64> {
    let mut log = OsString::from(path);
    log.push("-wal");
    let log = fs::metadata(log).map_or(0, |it| it.len());
    Some(fs::metadata(path).ok()?.len() + log)
}
