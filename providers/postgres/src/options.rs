//! The settings of a provider.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::Limits;

/// The settings of a [`PostgresProvider`](crate::PostgresProvider).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PostgresOptions {
    pub(crate) schema: String,
    pub(crate) write_connections: usize,
    pub(crate) listen: Listen,
    pub(crate) migrations: Migrations,
    pub(crate) synchronous_commit: Option<SynchronousCommit>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) connect_timeout: Duration,
    pub(crate) poll_interval_max: Duration,
    pub(crate) plan_age_max: Duration,
    pub(crate) tls_root_certificate: Option<PathBuf>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
}

/// By which connection a process hears of the work of others.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Listen {
    /// By one more connection to the same URL.
    #[default]
    SameUrl,
    /// By a connection to this URL, which leads to the same database: where the first one leads to a
    /// proxy that pools transactions, such as PgBouncer, which does not pass on `LISTEN`.
    Url(String),
    /// By none: others' work is found by asking, every
    /// [`poll_interval_max`](PostgresOptions::poll_interval_max) at the latest.
    Never,
}

impl fmt::Debug for Listen {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameUrl => "SameUrl",
            Self::Url(_) => "Url(..)",
            Self::Never => "Never",
        })
    }
}

/// What is done about the schema when a provider is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrations {
    /// What is missing is created; the role needs the right to.
    #[default]
    Apply,
    /// Nothing: a schema that is missing or too old is refused. Whoever looks after the database
    /// applies [`PostgresProvider::migration_sql`](crate::PostgresProvider::migration_sql).
    Verify,
}

/// When a commit counts as stored: the server's setting `synchronous_commit`, for this provider's
/// commits only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynchronousCommit {
    /// When the synchronous standbys, if there are any, have applied it.
    RemoteApply,
    /// When the disks of the server and of the synchronous standbys, if there are any, have it.
    On,
    /// When the server's disk has it, and the standbys' operating systems.
    RemoteWrite,
    /// When the server's disk has it, whatever the standbys have.
    Local,
    /// At once: the end of the server or a loss of power may take the latest commits, and only those.
    Off,
}

impl SynchronousCommit {
    pub(crate) const fn value(self) -> &'static str {
        match self {
            Self::RemoteApply => "remote_apply",
            Self::On => "on",
            Self::RemoteWrite => "remote_write",
            Self::Local => "local",
            Self::Off => "off",
        }
    }
}

impl PostgresOptions {
    /// How many bytes of commits wait for a connection, each operation counted with 1 KiB more. Who
    /// commits beyond that waits; claims and renewals do not.
    pub const QUEUED_WRITE_BYTES_MAX: usize = 64 * 1024 * 1024;

    /// How many reads wait for each of the two connections that read. Who reads beyond that waits.
    pub const QUEUED_READS_MAX: usize = 1_024;

    /// Keeps everything in this schema of the database, `duroxide` by default. Providers of different
    /// schemas are different stores.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Commits through so many connections, at least one; two by default. There are two more for
    /// leases and reads, one for management once that is used, and one that listens.
    #[must_use]
    pub fn write_connections(mut self, connections: usize) -> Self {
        self.write_connections = connections.max(1);
        self
    }

    /// Chooses how the work of other processes is heard of.
    #[must_use]
    pub fn listen(mut self, listen: Listen) -> Self {
        self.listen = listen;
        self
    }

    /// Chooses what is done about the schema when the provider is opened.
    #[must_use]
    pub fn migrations(mut self, migrations: Migrations) -> Self {
        self.migrations = migrations;
        self
    }

    /// Chooses when a commit counts as stored; as the server, the database or the role is set up
    /// otherwise.
    #[must_use]
    pub fn synchronous_commit(mut self, level: SynchronousCommit) -> Self {
        self.synchronous_commit = Some(level);
        self
    }

    /// Has the server end a statement that takes longer, 30 s by default. `None` leaves the server's
    /// setting. Without this and [`lock_timeout`](Self::lock_timeout) no startup options are sent, which
    /// some proxies do not take; the server's default isolation must be read committed then.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Has the server end a statement that waits longer for a lock, 5 s by default. `None` leaves the
    /// server's setting.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Gives up on a connection that is not there after this time, 10 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Asks for others' work after this time at the latest while nobody tells of it, 1 s by default
    /// and 25 ms at least.
    #[must_use]
    pub fn poll_interval_max(mut self, interval: Duration) -> Self {
        self.poll_interval_max = interval;
        self
    }

    /// Has the server plan its statements anew on each connection at its next use after this time, ten
    /// seconds by default: a plan that was made while a store was small may read all of one that has grown.
    /// It takes some ten milliseconds.
    #[must_use]
    pub fn plan_age_max(mut self, age: Duration) -> Self {
        self.plan_age_max = age;
        self
    }

    /// Trusts the server's certificate if it leads to those in this file (PEM), as `sslrootcert` in
    /// the URL does. It is looked at where the URL says `sslmode=verify-ca` or `verify-full`.
    #[must_use]
    pub fn tls_root_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls_root_certificate = Some(file.into());
        self
    }

    /// Measures waits by this clock instead of the machine's. Leases and delays are measured by the
    /// server's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Refuses what passes these limits instead of the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets one of the limits: how many events an execution may have.
    #[must_use]
    pub fn history_events_max(mut self, history_events_max: u64) -> Self {
        self.limits.history_events_max = history_events_max;
        self
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "duroxide".to_owned(),
            write_connections: 2,
            listen: Listen::default(),
            migrations: Migrations::default(),
            synchronous_commit: None,
            statement_timeout: Some(Duration::from_secs(30)),
            lock_timeout: Some(Duration::from_secs(5)),
            connect_timeout: Duration::from_secs(10),
            poll_interval_max: Duration::from_secs(1),
            plan_age_max: Duration::from_secs(10),
            tls_root_certificate: None,
            clock: SystemClock::shared(),
            limits: Limits::default(),
        }
    }
}
