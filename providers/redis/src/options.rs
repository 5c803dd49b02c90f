//! The settings of a provider.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::Limits;

use crate::credentials::Credentials;
use crate::script::TimeSource;

/// The settings of a [`RedisProvider`](crate::RedisProvider).
#[derive(Clone)]
#[non_exhaustive]
pub struct RedisOptions {
    pub(crate) key_prefix: String,
    pub(crate) partitions: Option<usize>,
    pub(crate) relay_window: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    pub(crate) credentials: Option<Arc<dyn Credentials>>,
    pub(crate) tls_root_certificate: Option<PathBuf>,
    pub(crate) replicas_min: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) time: TimeSource,
}

impl RedisOptions {
    /// How many bytes of commits wait for the server, each operation counted with 1 KiB more. Who
    /// commits beyond that waits; claims and renewals do not.
    pub const QUEUED_WRITE_BYTES_MAX: usize = 64 * 1024 * 1024;

    /// How many reads wait for the server. Who reads beyond that waits.
    pub const QUEUED_READS_MAX: usize = 1_024;

    /// Keeps everything in keys that begin with this, `duroxide` by default. Providers of different
    /// prefixes are different stores. It must not be empty and must not hold braces, which say in which
    /// slot a key is, nor a colon, which ends the prefix: a user who may use the keys of `a` would have those of
    /// `a:b` as well.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = prefix.into();
        self
    }

    /// How many partitions a store has that is made on a Cluster: enough for some on each of its servers.
    pub const PARTITIONS_DEFAULT_CLUSTER: usize = 16;

    /// How many partitions a store has at most.
    pub const PARTITIONS_MAX: usize = 256;

    /// Spreads the instances over so many partitions, each of which is on one server. A store keeps the number
    /// that it was made with, and opening it with another one fails. Where none is set, it is that of the
    /// store; a new one gets 1 on a single server, and
    /// [`PARTITIONS_DEFAULT_CLUSTER`](Self::PARTITIONS_DEFAULT_CLUSTER) on a Cluster.
    #[must_use]
    pub fn partitions(mut self, partitions: usize) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Acknowledges a commit once so many replicas of its server have it (`WAIT`), none by default. A commit that
    /// they do not have within half of [`answer_timeout`](Self::answer_timeout) fails as one whose outcome is not
    /// known, and is repeated by the runtime. A replica that has received a commit may still lose it with its own
    /// power, and one that has not may be the one that takes over: this makes losses at a failover rare, and does
    /// not exclude them. It costs a round trip for each flush of commits.
    #[must_use]
    pub fn replicas_min(mut self, replicas: usize) -> Self {
        self.replicas_min = replicas;
        self
    }

    /// Gives up on a connection that is not there after this time, 10 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Takes a connection to be dead on which a call is not answered after this time, 10 s by default.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// Asks this for the user and the password before each connection, instead of taking those in the
    /// URL.
    #[must_use]
    pub fn credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Trusts the server's certificate if it leads to those in this file (PEM), instead of those that the
    /// machine trusts. It is looked at where the URL begins with `rediss://`.
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

    /// The shortest [`relay_window`](Self::relay_window): a failover takes so long with the usual
    /// `cluster-node-timeout` of 15 s.
    pub const RELAY_WINDOW_MIN: Duration = Duration::from_secs(15);

    /// Takes it that a failover loses no more than what was written in this time, 60 s by default. It is for
    /// so long that a partition keeps what it has sent to others, so that they get again what they have lost.
    /// It must exceed the `cluster-node-timeout` of a Cluster and the delay of its replication, and is
    /// [`RELAY_WINDOW_MIN`](Self::RELAY_WINDOW_MIN) at least.
    #[must_use]
    pub fn relay_window(mut self, window: Duration) -> Self {
        self.relay_window = window;
        self
    }

    /// Has the scripts go by a time that tests move.
    #[cfg(feature = "conformance")]
    #[must_use]
    pub(crate) fn test_clock(mut self) -> Self {
        self.time = TimeSource::Test;
        self
    }
}

impl fmt::Debug for RedisOptions {
    /// Without the credentials, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("key_prefix", &self.key_prefix)
            .field("partitions", &self.partitions)
            .field("relay_window", &self.relay_window)
            .field("connect_timeout", &self.connect_timeout)
            .field("answer_timeout", &self.answer_timeout)
            .field("has_credentials", &self.credentials.is_some())
            .field("tls_root_certificate", &self.tls_root_certificate)
            .field("replicas_min", &self.replicas_min)
            .field("clock", &self.clock)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            key_prefix: "duroxide".to_owned(),
            partitions: None,
            relay_window: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(10),
            credentials: None,
            tls_root_certificate: None,
            replicas_min: 0,
            clock: SystemClock::shared(),
            limits: Limits::default(),
            time: TimeSource::Server,
        }
    }
}
