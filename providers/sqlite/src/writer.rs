//! The thread that writes.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use duroxide_core::providers::{Durability, ProviderError};

use crate::checkpoint::LogGauge;
use crate::clock::StoreClock;
use crate::connection;
use crate::error::{self, Failure, Stage};
use crate::hub::Hub;
use crate::identity::OpenFiles;
use crate::job::{Access, Job};
use crate::lease;
use crate::location::Location;
use crate::lock::StoreLock;
use crate::options::{SqliteMode, SqliteOptions, Synchronous};
use crate::session::Session;
use crate::sql::Sql;
use crate::stats::Counters;
use crate::written;

const PARTS_MAX: usize = 512;
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the writer is asked to do.
pub(crate) enum Order {
    /// Something for the next transaction.
    Write(Box<dyn Job>),
    /// Something to do before it.
    Aside(Box<dyn FnOnce(&mut Writer) + Send>),
}

/// What the parts of a provider share.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) location: Location,
    pub(crate) options: SqliteOptions,
    pub(crate) clock: Arc<StoreClock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) hub: Arc<Hub>,
}

/// The owner of the only connection that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) session: Session,
    pub(crate) setup: Arc<Setup>,
    pub(crate) log: LogGauge,
    /// What the connection waits for when it commits.
    level: Synchronous,
    /// What the connection has open.
    files: OpenFiles,
    /// The connection must be replaced before it is used again.
    pub(crate) is_broken: bool,
    /// Declared last, so that the connection is closed before somebody else may open the file.
    _lock: Option<StoreLock>,
}

impl Writer {
    /// Takes the lock, opens the database and, if nobody else can have it open, frees what a crashed
    /// predecessor had leased (LEA-10).
    pub(crate) fn open(setup: Arc<Setup>) -> Result<(Self, Durability), ProviderError> {
        let Setup {
            location, options, ..
        } = &*setup;
        let lock = location
            .path()
            .map(|path| StoreLock::acquire(path, options.mode, options.busy_timeout))
            .transpose()?;
        let connection = connection::open_writer(location, options)?;
        let durability = connection::read_durability(&connection, location)?;
        let sql = Sql::new(connection, Arc::clone(&setup.counters));
        let session = Session::new(sql, &setup);
        let mut writer = Self {
            session,
            level: options.synchronous,
            log: LogGauge::default(),
            files: OpenFiles::of(setup.location.path()),
            is_broken: false,
            _lock: lock,
            setup,
        };
        writer
            .leave_found_log()
            .and_then(|()| written::follow(&writer.session.sql, &writer.setup.clock))
            .map_err(|cause| error::of_store("open", cause))?;
        if writer.setup.options.mode == SqliteMode::SingleProcess {
            writer
                .transact(Access::Lease, lease::clear)
                .map_err(|failure| failure.error("open", false))?;
        }
        Ok((writer, durability))
    }

    /// Serves orders until there is nobody left who could send one.
    pub(crate) fn serve(mut self, orders: &Receiver<Order>) {
        let mut jobs = Vec::new();
        while let Ok(first) = orders.recv() {
            let mut parts = 0;
            let mut bytes = 0_usize;
            let mut next = Some(first);
            while let Some(order) = next.take() {
                match order {
                    Order::Aside(task) => task(&mut self),
                    Order::Write(job) => {
                        parts += job.part_count();
                        bytes = bytes.saturating_add(job.bytes());
                        jobs.push(job);
                    }
                }
                if parts < PARTS_MAX && bytes < BYTES_MAX {
                    next = orders.try_recv().ok();
                }
            }
            self.serve_batch(mem::take(&mut jobs));
            self.tend_log(bytes);
        }
        self.shut_down();
    }

    /// Answers a batch, without a transaction where nothing has to be written.
    fn serve_batch(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        jobs.retain(|job| !job.is_moot());
        let Some(access) = jobs.iter().map(|job| job.access()).max() else {
            return;
        };
        let mut remaining = Vec::with_capacity(jobs.len());
        // Where a transaction is needed anyway, it sees what the others in it have done.
        if access == Access::Durable || self.is_broken {
            remaining = jobs;
        } else {
            for mut job in jobs {
                if job.peek(&mut self.session) {
                    self.publish();
                    job.answer();
                } else {
                    remaining.push(job);
                }
            }
            self.session.effects().clear();
        }
        if !remaining.is_empty() {
            self.write(&mut remaining, access);
            remaining.into_iter().for_each(|job| job.answer());
        }
    }

    /// Runs all jobs in one transaction. If a statement of one of them fails, each part runs in
    /// one of its own, so that the culprit alone fails.
    fn write(&mut self, jobs: &mut [Box<dyn Job>], access: Access) {
        let outcome = self.transact(access, |session| run_all(jobs, session));
        let Err(failure) = outcome else {
            return;
        };
        for job in jobs {
            for part in 0..job.part_count() {
                let outcome = if failure.stage == Stage::Statement {
                    self.transact(job.access(), |session| job.run(part, session))
                } else {
                    Err(failure.clone())
                };
                if let Err(failure) = outcome {
                    job.fail(part, &failure);
                }
            }
        }
    }

    /// Runs one transaction, and makes known what it did once it is committed.
    pub(crate) fn transact(
        &mut self,
        access: Access,
        run: impl FnOnce(&mut Session) -> rusqlite::Result<()>,
    ) -> Result<(), Failure> {
        self.session.effects().clear();
        let begun = self.repair().and_then(|()| self.begin(access));
        begun.map_err(|cause| self.abandon(Stage::Begin, cause))?;
        let changes_before = self.session.sql.connection().total_changes();
        run(&mut self.session).map_err(|cause| self.abandon(Stage::Statement, cause))?;
        let committed = self.session.sql.execute("COMMIT", []);
        committed.map_err(|cause| self.abandon(Stage::Commit, cause))?;
        if self.session.sql.connection().total_changes() != changes_before {
            let is_file = self.setup.location.path().is_some();
            let is_durable = is_file && self.level == Synchronous::Full;
            self.setup.counters.count_commit(is_durable);
            self.log.has_grown();
        }
        self.publish();
        Ok(())
    }

    /// Begins a transaction that waits for the disk only if that is asked for.
    fn begin(&mut self, access: Access) -> rusqlite::Result<()> {
        let level = match access {
            Access::Lease => Synchronous::Normal,
            Access::Durable => self.setup.options.synchronous,
        };
        if level != self.level && self.setup.location.path().is_some() {
            let set_level = connection::set_synchronous(level);
            self.session.sql.execute_uncached(&set_level)?;
            self.level = level;
        }
        self.session.sql.execute("BEGIN IMMEDIATE", [])?;
        Ok(())
    }

    /// Ends a transaction that failed.
    fn abandon(&mut self, stage: Stage, cause: rusqlite::Error) -> Failure {
        let failure = Failure::new(stage, cause);
        self.session.effects().clear();
        // SQLite has rolled back by itself after some errors.
        let is_open = !self.session.sql.connection().is_autocommit();
        let is_stuck = is_open && self.session.sql.execute("ROLLBACK", []).is_err();
        // What is in memory would be gone with its connection.
        let is_file = self.setup.location.path().is_some();
        self.is_broken |= is_file && (is_stuck || failure.breaks_connection());
        if stage == Stage::Commit {
            self.setup.hub.forget();
        }
        failure
    }

    /// Looks whether the database is still where it was, and replaces a connection that has failed,
    /// and the log with it: after a failed synchronisation the disk may lack what the operating
    /// system still shows, and no later synchronisation makes up for it. So everything is written
    /// to the database anew before anything is added.
    pub(crate) fn repair(&mut self) -> rusqlite::Result<()> {
        self.files.check()?;
        if self.is_broken {
            let setup = Arc::clone(&self.setup);
            let connection = connection::reopen_writer(&setup.location, &setup.options)?;
            self.level = setup.options.synchronous;
            self.session.sql.reconnect(connection);
            self.abandon_log()?;
            self.files = OpenFiles::of(setup.location.path());
            self.is_broken = false;
            tracing::warn!("reopened the database after a failure of the disk");
        }
        Ok(())
    }

    pub(crate) fn publish(&mut self) {
        self.setup.hub.publish(self.session.effects());
    }
}

fn run_all(jobs: &mut [Box<dyn Job>], session: &mut Session) -> rusqlite::Result<()> {
    for job in jobs {
        for part in 0..job.part_count() {
            job.run(part, session)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::mpsc;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use bytes::Bytes;
    use duroxide_core::entropy::Entropy;
    use duroxide_core::providers::{
        Channel, ClaimTurns, Commit, Envelope, ErrorKind, InstanceId, Message, NewInstance,
        Provider, Recipient, TaskQueue,
    };
    use tokio::task::JoinSet;

    use super::*;
    use crate::provider::SqliteProvider;

    fn start(id: &str, body: Bytes) -> Commit {
        Commit::Send(Envelope {
            recipient: Recipient::NewInstance(NewInstance::new(
                InstanceId::new(id).unwrap(),
                "Orchestration",
            )),
            delay: Duration::ZERO,
            message: Message {
                id: Entropy.message_id(),
                channel: Channel::System,
                execution: None,
                body,
            },
        })
    }

    async fn provider(directory: &tempfile::TempDir) -> Arc<SqliteProvider> {
        let path = directory.path().join("writer.db");
        Arc::new(
            SqliteProvider::new(path.to_str().unwrap(), None)
                .await
                .unwrap(),
        )
    }

    #[tokio::test]
    async fn what_is_queued_is_committed_together_and_answered_one_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let provider = provider(&directory).await;
        let before = provider.stats().durable_commits;
        // The writer is held until everybody has queued.
        let (go_on, wait) = mpsc::channel::<()>();
        let mut callers = JoinSet::new();
        let holder = Arc::clone(&provider);
        callers.spawn(async move {
            let hold = move |_: &mut Writer| {
                wait.recv().ok();
                Ok(())
            };
            holder.aside("hold", hold).await.unwrap();
            true
        });
        for number in 0..50 {
            let provider = Arc::clone(&provider);
            callers.spawn(async move {
                // Each second one is there already.
                let id = format!("instance {}", number / 2);
                let answers = provider.commit(vec![start(&id, Bytes::new())]).await;
                answers[0].is_ok()
            });
        }
        // On this one thread all of them run up to their wait before this goes on.
        tokio::task::yield_now().await;
        go_on.send(()).unwrap();
        let outcomes = callers.join_all().await;
        assert_eq!(outcomes.iter().filter(|is_ok| **is_ok).count(), 1 + 25);
        assert_eq!(provider.stats().durable_commits - before, 1);
        provider.close().await;
    }

    #[tokio::test]
    async fn a_flood_of_commits_waits_for_room_and_leases_pass_by() {
        let directory = tempfile::tempdir().unwrap();
        let provider = provider(&directory).await;
        let (go_on, wait) = mpsc::channel::<()>();
        let holder = Arc::clone(&provider);
        let mut callers = JoinSet::new();
        callers.spawn(async move {
            let hold = move |_: &mut Writer| {
                wait.recv().ok();
                Ok(())
            };
            holder.aside("hold", hold).await.unwrap();
        });
        let body = Bytes::from(vec![0; 2 * 1024 * 1024]);
        for number in 0..50 {
            let (provider, body) = (Arc::clone(&provider), body.clone());
            callers.spawn(async move {
                let id = format!("instance {number}");
                let answers = provider.commit(vec![start(&id, body)]).await;
                assert!(answers[0].is_ok(), "{answers:?}");
            });
        }
        // On this one thread all of them run up to their wait before this goes on.
        tokio::task::yield_now().await;
        // Not all of them fit, so there is no room for another one.
        assert!(provider.store.rooms.free_bytes() < 2 * 1024 * 1024);
        let claim = ClaimTurns {
            messages_max: 1,
            bytes_max: 1,
            ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::from_secs(1))
        };
        let mut claim = Box::pin(provider.claim_turns(&claim));
        // It is in the queue at once.
        let mut context = Context::from_waker(Waker::noop());
        assert!(claim.as_mut().poll(&mut context).is_pending());
        go_on.send(()).unwrap();
        claim.await.unwrap();
        callers.join_all().await;
        assert_eq!(
            provider.store.rooms.free_bytes(),
            SqliteOptions::QUEUED_WRITE_BYTES_MAX
        );
        provider.close().await;
    }

    #[tokio::test]
    async fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let provider = provider(&directory).await;
        let limit_pages = |writer: &mut Writer| {
            let sql = "PRAGMA max_page_count = 64";
            writer.session.sql.one(sql, [], |row| row.get::<_, i64>(0))
        };
        provider.aside("limit", limit_pages).await.unwrap();
        let large = Bytes::from(vec![0; 1024 * 1024]);
        let operations = vec![
            start("before", Bytes::new()),
            start("large", large.clone()),
            start("after", Bytes::new()),
        ];
        let answers = provider.commit(operations).await;
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        let error = answers[1].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.message().contains("disk is full"), "{error}");

        let lift_limit = |writer: &mut Writer| {
            let sql = "PRAGMA max_page_count = 1000000";
            writer.session.sql.one(sql, [], |row| row.get::<_, i64>(0))
        };
        provider.aside("limit", lift_limit).await.unwrap();
        let answers = provider.commit(vec![start("large", large)]).await;
        assert!(answers[0].is_ok(), "{answers:?}");
        provider.close().await;
    }

    #[tokio::test]
    async fn a_broken_connection_and_its_log_are_replaced_before_they_are_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let provider = provider(&directory).await;
        let log_bytes = || {
            let log = directory.path().join("writer.db-wal");
            std::fs::metadata(log).unwrap().len()
        };
        let large = Bytes::from(vec![0; 256 * 1024]);
        let answers = provider.commit(vec![start("large", large)]).await;
        assert!(answers[0].is_ok(), "{answers:?}");
        let before = log_bytes();
        let breaks = provider.aside("break", |writer| {
            writer.is_broken = true;
            // Something that a new connection does not have.
            writer
                .session
                .sql
                .execute_uncached("CREATE TEMP TABLE scar (x)")
        });
        breaks.await.unwrap();
        let answers = provider.commit(vec![start("a", Bytes::new())]).await;
        assert!(answers[0].is_ok(), "{answers:?}");
        let scars = provider.aside("look", |writer| {
            let sql = "SELECT count(*) FROM sqlite_temp_schema";
            writer.session.sql.one(sql, [], |row| row.get::<_, i64>(0))
        });
        assert_eq!(scars.await.unwrap(), 0);
        // What the first commit wrote there may never have reached the disk.
        assert!(log_bytes() < before, "{} of {before}", log_bytes());
        provider.close().await;
    }
}
