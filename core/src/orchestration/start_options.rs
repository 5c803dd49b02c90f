//! How an instance is started.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::providers::IfExists;

/// How an instance is started, by a client or by another orchestration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// The orchestration's version; without one the registry's policy decides.
    pub version: Option<String>,
    /// The queue of its turns, for as long as it lives. Only runtimes that serve this queue run it:
    /// [`turn_queues`](crate::RuntimeOptions::turn_queues). Without one it is `default`, or that of the
    /// orchestration which starts it.
    pub queue: Option<String>,
    /// How long after the start its first turn comes, by the store's clock. Until then the instance is
    /// there, as `Pending`: events wait for it, and it can be cancelled.
    pub delay: Duration,
    /// What the instance is found by: values by keys, for as long as it lives, over `continue_as_new` and
    /// after its end. [`Client::list`](crate::Client::list) finds instances by them.
    pub labels: BTreeMap<String, String>,
    /// What happens where there is an instance of that id. For starts by a client: an orchestration that
    /// asks for [`ReplaceEnded`](IfExists::ReplaceEnded) is told as of an id that cannot be used.
    pub if_exists: IfExists,
    /// How long after its end the instance expires and is removed with all that belongs to it, at least
    /// [`EXPIRE_AFTER_MIN`](crate::limits::EXPIRE_AFTER_MIN). Without one a child has that of its parent,
    /// and everything else that of the runtime which ends it:
    /// [`RuntimeOptions::expire_after`](crate::RuntimeOptions::expire_after).
    pub expire_after: Option<Duration>,
}

impl StartOptions {
    /// No version, no queue of its own, no delay, no labels, beside no other instance of its id, and to be
    /// kept.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same in this version.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The same for the runtimes that serve this queue of turns.
    #[must_use]
    pub fn with_queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// The same after this delay.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same with this label, instead of one of the same key. An instance has up to 16 labels; a key
    /// has 1 to 64 bytes, a value up to 256.
    ///
    /// ```
    /// use duroxide_core::StartOptions;
    ///
    /// let options = StartOptions::new().label("customer", "c-17").label("region", "eu");
    /// assert_eq!(options.labels["region"], "eu");
    /// ```
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// The same with an answer to the question what happens where there is an instance of that id.
    #[must_use]
    pub fn with_if_exists(mut self, if_exists: IfExists) -> Self {
        self.if_exists = if_exists;
        self
    }

    /// The same for an instance that expires so long after its end.
    #[must_use]
    pub fn with_expire_after(mut self, expire_after: Duration) -> Self {
        self.expire_after = Some(expire_after);
        self
    }

    /// The same in this version, if there is one.
    pub(super) fn of_version(version: Option<String>) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }
}
