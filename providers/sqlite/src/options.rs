//! The settings of a provider.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::Limits;

/// SQLite counts milliseconds in 32 bits.
const BUSY_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The settings of a [`SqliteProvider`](crate::SqliteProvider).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SqliteOptions {
    pub(crate) mode: SqliteMode,
    pub(crate) synchronous: Synchronous,
    pub(crate) busy_timeout: Duration,
    /// The machine's if there is none.
    clock: Option<Arc<dyn Clock>>,
    pub(crate) limits: Limits,
}

/// Who may work on one database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SqliteMode {
    /// One process, in which all providers of the file share one store. Work is heard of at once, a waiting provider issues no
    /// statement, and what a crashed predecessor had leased is claimable as soon as it is opened.
    #[default]
    SingleProcess,
    /// Any number of providers, in any number of processes of one machine. Each looks for the
    /// others' work every 10 to 100 ms, and a crashed one's leases have to run out.
    MultiProcess,
}

/// When a commit counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// When the disk has it: a loss of power takes nothing that was acknowledged.
    #[default]
    Full,
    /// When the operating system has it: a loss of power may take the latest commits, the end of
    /// the process takes none.
    Normal,
}

impl SqliteOptions {
    /// How many bytes of commits wait for the thread that writes, each operation counted with
    /// 1 KiB more. Who commits beyond that waits; claims and renewals do not.
    pub const QUEUED_WRITE_BYTES_MAX: usize = 64 * 1024 * 1024;

    /// How many reads wait for each of the two threads that read. Who reads beyond that waits.
    pub const QUEUED_READS_MAX: usize = 1_024;

    /// Chooses who may work on the file.
    #[must_use]
    pub fn mode(mut self, mode: SqliteMode) -> Self {
        self.mode = mode;
        self
    }

    /// Chooses when a commit counts as stored.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Waits this long, at most a day, for another process that has the file locked.
    #[must_use]
    pub fn busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout.min(BUSY_TIMEOUT_MAX);
        self
    }

    /// Takes time from this clock instead of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Refuses what passes these limits instead of the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn clock_or_system(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(SystemClock::shared)
    }

    /// The first setting that is another one there. Two clocks are the same if they are one.
    pub(crate) fn differs_in(&self, other: &Self) -> Option<&'static str> {
        let is_same_clock = match (&self.clock, &other.clock) {
            (None, None) => true,
            (Some(one), Some(another)) => Arc::ptr_eq(one, another),
            _ => false,
        };
        let settings = [
            ("mode", self.mode == other.mode),
            ("synchronous", self.synchronous == other.synchronous),
            ("busy_timeout", self.busy_timeout == other.busy_timeout),
            ("limits", self.limits == other.limits),
            ("clock", is_same_clock),
        ];
        let differing = settings.iter().find(|(_, is_same)| !is_same);
        differing.map(|(name, _)| *name)
    }

    /// Sets one of the limits: how many events an execution may have.
    #[must_use]
    pub fn history_events_max(mut self, history_events_max: u64) -> Self {
        self.limits.history_events_max = history_events_max;
        self
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            mode: SqliteMode::default(),
            synchronous: Synchronous::default(),
            busy_timeout: Duration::from_secs(5),
            clock: None,
            limits: Limits::default(),
        }
    }
}
