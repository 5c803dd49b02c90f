//! What is needed to reach a server.

use std::sync::atomic::{AtomicU64, Ordering};

use duroxide_core::providers::ProviderError;

use crate::error;
use crate::location::Location;
use crate::options::RedisOptions;

/// What is needed to reach a server: where it is, and the settings.
pub(crate) struct Access {
    pub(crate) options: RedisOptions,
    pub(crate) location: Location,
    calls: AtomicU64,
}

impl Access {
    /// Reads a URL, and checks the settings.
    pub(crate) fn new(url: &str, options: RedisOptions) -> Result<Self, ProviderError> {
        let location = Location::new(url, &options)?;
        let prefix = &options.key_prefix;
        if prefix.is_empty() || prefix.contains(['{', '}', ':']) {
            return Err(error::config(
                "the key prefix is empty, holds a brace, which would put its keys into other slots, or a colon, by \
                 which they would be among the keys of another prefix; choose another one",
            ));
        }
        let wanted = options.partitions.unwrap_or(1);
        if !(1..=RedisOptions::PARTITIONS_MAX).contains(&wanted) {
            let message =
                "a store has one partition at least, and 256 at most; choose another number";
            return Err(error::config(message).with_context("partitions", wanted));
        }
        if options.relay_window < RedisOptions::RELAY_WINDOW_MIN {
            let message = "`relay_window` is shorter than a failover takes, so that what one loses would not be sent \
                           again; choose 15 s or more";
            return Err(error::config(message));
        }
        Ok(Self {
            location,
            calls: AtomicU64::new(0),
            options,
        })
    }

    pub(crate) fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// How many commands were sent.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}
