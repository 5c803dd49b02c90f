//! Moving the write-ahead log into the database, between batches.

use std::time::Duration;

use duroxide_core::providers::ProviderError;
use rusqlite::ffi;

use crate::connection::PAGE_BYTES;
use crate::error;
use crate::job::Access;
use crate::provider::SqliteProvider;
use crate::value::Sweep;
use crate::writer::Writer;
use crate::written;

const MIB: u64 = 1024 * 1024;
/// A log with this much that is not in the database yet is moved there.
const MOVE_BYTES: u64 = 16 * MIB;
/// A log of this length is cut, which has to wait for readers.
const TRUNCATE_BYTES: u64 = 256 * MIB;
/// How much is written, roughly, before the log is measured again.
const MEASURE_EVERY_BYTES: u64 = 4 * MIB;
/// What a transaction writes beside the bytes it carries: its pages are written whole.
const TRANSACTION_BYTES: u64 = 32 * 1024;
const MAINTAIN_EVERY: Duration = Duration::from_secs(30);

/// What is known of the log without asking SQLite.
#[derive(Debug, Default)]
pub(crate) struct LogGauge {
    /// Something was written since the log was last moved.
    is_dirty: bool,
    unmeasured_bytes: u64,
}

impl LogGauge {
    /// A transaction has written something.
    pub(crate) fn has_grown(&mut self) {
        self.is_dirty = true;
        self.unmeasured_bytes += TRANSACTION_BYTES;
    }
}

/// What a checkpoint answers.
struct Checkpoint {
    is_blocked: bool,
    log_bytes: u64,
    moved_bytes: u64,
}

impl Writer {
    /// Keeps the log short after a batch that carried so many bytes.
    pub(crate) fn tend_log(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if !self.log.is_dirty || self.is_broken {
            return;
        }
        self.log.unmeasured_bytes = self.log.unmeasured_bytes.saturating_add(bytes);
        if self.log.unmeasured_bytes >= MEASURE_EVERY_BYTES {
            self.log.unmeasured_bytes = 0;
            if let Err(cause) = self.shorten_log() {
                // The commits are safe; the next batch tries again.
                tracing::warn!(%cause, "the write-ahead log could not be moved");
            }
        }
    }

    fn shorten_log(&mut self) -> rusqlite::Result<()> {
        if self.setup.location.path().is_none() {
            return Ok(());
        }
        let log = self.run_checkpoint("PRAGMA wal_checkpoint(NOOP)")?;
        if log.log_bytes > TRUNCATE_BYTES {
            self.truncate_unless_blocked()?;
        } else if log.log_bytes.saturating_sub(log.moved_bytes) > MOVE_BYTES {
            self.move_log()?;
        }
        Ok(())
    }

    /// Moves what can be moved without waiting for anybody.
    fn move_log(&mut self) -> rusqlite::Result<()> {
        let log = self.run_checkpoint("PRAGMA wal_checkpoint(PASSIVE)")?;
        self.log.is_dirty = log.moved_bytes < log.log_bytes;
        Ok(())
    }

    /// Moves everything and cuts the log. Answers whether a reader was in the way.
    fn truncate_log(&mut self) -> rusqlite::Result<bool> {
        if self.setup.location.path().is_none() {
            return Ok(false);
        }
        let log = self.run_checkpoint("PRAGMA wal_checkpoint(TRUNCATE)")?;
        self.log.is_dirty = log.is_blocked;
        Ok(log.is_blocked)
    }

    /// Begins a new log, or fails: what comes next must not depend on the old one.
    pub(crate) fn abandon_log(&mut self) -> rusqlite::Result<()> {
        if self.truncate_log()? {
            return Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_BUSY),
                Some("somebody is reading from the log of a disk that failed".to_owned()),
            ));
        }
        Ok(())
    }

    /// Begins a new log where a predecessor left one: it may have died because the disk failed, and
    /// then the disk may lack what the operating system still shows.
    pub(crate) fn leave_found_log(&mut self) -> rusqlite::Result<()> {
        if self.truncate_log()? {
            // A reader may stay for long, and a disk that failed is rare.
            tracing::warn!("the log of a predecessor stays, since somebody is reading from it");
        }
        Ok(())
    }

    fn truncate_unless_blocked(&mut self) -> rusqlite::Result<()> {
        self.session.sql.connection().busy_timeout(Duration::ZERO)?;
        let outcome = self.truncate_log();
        let patience = self.setup.options.busy_timeout;
        self.session.sql.connection().busy_timeout(patience)?;
        outcome.map(|_| ())
    }

    fn run_checkpoint(&mut self, pragma: &str) -> rusqlite::Result<Checkpoint> {
        let outcome = self.session.sql.one(pragma, [], |row| {
            // Both are -1 where there is no log.
            let bytes = |column| -> rusqlite::Result<u64> {
                let pages: i64 = row.get(column)?;
                Ok(u64::try_from(pages).unwrap_or(0) * PAGE_BYTES)
            };
            Ok(Checkpoint {
                is_blocked: row.get::<_, i64>(0)? != 0,
                log_bytes: bytes(1)?,
                moved_bytes: bytes(2)?,
            })
        });
        if let Err(cause) = &outcome {
            // The synchronisation that failed may have been the log's.
            self.is_broken |= error::breaks_connection(cause);
        }
        outcome
    }

    /// Notes the store's time if anything was written since the log was last moved. Without it only a
    /// clock that is set back does harm.
    fn note_time(&mut self) {
        if !self.log.is_dirty || self.setup.location.path().is_none() {
            return;
        }
        let now_ms = self.setup.clock.now_ms();
        let noted = self.transact(Access::Lease, |session| written::note(&session.sql, now_ms));
        if let Err(failure) = noted {
            let error = failure.error("maintain", false);
            // Whatever keeps it from being written is told of by the commits that it keeps, too.
            tracing::debug!(%error, "the store's time could not be noted");
        }
    }

    /// Leaves everything in the database file.
    pub(crate) fn shut_down(mut self) {
        if self.is_broken {
            return;
        }
        self.note_time();
        if let Err(cause) = self.truncate_unless_blocked() {
            // Nothing is lost: the next opener finds it in the log.
            tracing::warn!(%cause, "the write-ahead log could not be moved when closing");
        }
    }
}

impl SqliteProvider {
    /// Moves everything that was committed into the database file and empties the write-ahead
    /// log, so that the file alone is a complete copy.
    ///
    /// # Errors
    /// `Unavailable` while somebody reads an older state, or when the disk fails.
    pub async fn checkpoint(&self) -> Result<(), ProviderError> {
        const OPERATION: &str = "checkpoint";
        let is_blocked = self.aside(OPERATION, Writer::truncate_log).await?;
        if is_blocked {
            return Err(ProviderError::retryable(
                OPERATION,
                "somebody is reading from the write-ahead log; try again",
            ));
        }
        Ok(())
    }

    pub(crate) async fn tend(&self) -> Result<Option<Duration>, ProviderError> {
        let is_left = self.submit_one(Sweep).await?;
        let moved = self.aside("maintain", |writer| {
            if writer.setup.location.path().is_none() {
                return Ok(None);
            }
            if writer.log.is_dirty {
                writer.note_time();
                writer.move_log()?;
            }
            Ok(Some(MAINTAIN_EVERY))
        });
        let again = moved.await?;
        Ok(if is_left { Some(Duration::ZERO) } else { again })
    }
}

#[cfg(test)]
mod tests {
    use duroxide_core::providers::Provider;

    use super::*;

    #[tokio::test]
    async fn maintaining_an_idle_store_issues_no_statement_the_second_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("idle.db");
        let provider = SqliteProvider::new(path.to_str().unwrap(), None)
            .await
            .unwrap();
        for _ in 0..2 {
            let again = provider.maintain(Duration::from_secs(1)).await.unwrap();
            assert_eq!(again, Some(MAINTAIN_EVERY));
        }
        let before = provider.stats();
        provider.maintain(Duration::from_secs(1)).await.unwrap();
        assert_eq!(provider.stats(), before);
        provider.close().await;
    }
}
