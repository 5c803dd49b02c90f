//! What a provider is, and what it promises.

use std::time::Duration;

use crate::limits::HISTORY_EVENTS_MAX_DEFAULT;

/// Who a provider is, for logs and reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderInfo {
    /// Its name, for example `sqlite`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The version of the store behind it, for example `SQLite 3.51.3`.
    pub backend: String,
    /// The version of the contract it implements.
    pub contract: u32,
}

impl ProviderInfo {
    /// The version of the contract that this core speaks.
    pub const CONTRACT: u32 = 2;
}

/// What an acknowledged commit survives (DUR-01). Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: the data is gone with the process.
    Volatile,
    /// The end of the process. A loss of power may take the latest commits, and only those.
    ProcessCrash,
    /// A loss of power.
    PowerLoss,
}

/// What a provider promises (CAP-01).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What an acknowledged commit survives, as read back from the store (DUR-02).
    pub durability: Durability,
    /// Whether several processes may work on one store.
    pub multi_process: bool,
    /// Whether `wait_for_work` hears of work at once; otherwise it asks again and again.
    pub push_wakeups: bool,
    /// Within which time a committed message without delay becomes visible (COM-07, WAK-01).
    pub visibility_bound: Duration,
    /// Whether the messages of a commit arrive in one step with it. Otherwise those for other instances may
    /// arrive one by one, before the commit is answered (CON-01).
    pub atomic_delivery: bool,
    /// Whether `list_instances` filters by labels (ADM-06). Without that, whoever lists looks at those
    /// of each instance.
    pub label_filters: bool,
    /// The limits.
    pub limits: Limits,
}

impl Capabilities {
    /// The promises of a store within one process that keeps nothing: each field can be raised.
    #[must_use]
    pub fn volatile() -> Self {
        Self {
            durability: Durability::Volatile,
            multi_process: false,
            push_wakeups: true,
            visibility_bound: Duration::ZERO,
            atomic_delivery: true,
            label_filters: true,
            limits: Limits::default(),
        }
    }
}

/// The limits that a provider refuses to pass (LIM-01, LIM-03). [`crate::limits`] lists them
/// together with those that core keeps itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The bytes of one message's or activity's body, or of an output.
    pub body_bytes_max: usize,
    /// The bytes of one turn commit, bodies and history together.
    pub commit_bytes_max: usize,
    /// The bytes of [`InstanceHead::core_state`](super::InstanceHead::core_state).
    pub core_state_bytes_max: usize,
    /// The operations that one call of `commit` takes.
    pub commit_operations_max: usize,
    /// The events of one execution (HIS-06).
    pub history_events_max: u64,
    /// The messages of one topic of an instance, due or not, beyond which a further one is refused
    /// (LIM-03). What System carries is taken all the same: the history that asked for it limits it,
    /// and nobody would send it again.
    pub topic_messages_max: usize,
    /// The mail of one instance in all topics, beyond which further mail is refused (LIM-03).
    pub mail_messages_max: usize,
    /// The values of one instance that do not expire (VAL-05).
    pub values_max: usize,
    /// The bytes of one value, whether it expires or not (VAL-05).
    pub value_bytes_max: usize,
    /// The bytes of one instance's values that do not expire, together (VAL-05).
    pub values_bytes_max: usize,
    /// The control messages of one instance, beyond which a client's is refused for now (LIM-03).
    pub control_messages_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 * 1024 * 1024,
            commit_bytes_max: 64 * 1024 * 1024,
            core_state_bytes_max: 4 * 1024,
            commit_operations_max: 512,
            history_events_max: HISTORY_EVENTS_MAX_DEFAULT,
            topic_messages_max: 100_000,
            mail_messages_max: 200_000,
            values_max: 256,
            value_bytes_max: 64 * 1024,
            values_bytes_max: 1024 * 1024,
            control_messages_max: 100,
        }
    }
}
