//! Values: what an instance shows to others, by keys, for as long as it is there.

use std::time::Duration;

use bytes::Bytes;

use super::id::{CommitId, InstanceId, ValueKey};

/// What a turn does to one value of its instance (VAL-01).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueUpdate {
    /// Which value.
    pub key: ValueKey,
    /// What it is from now on; `None` removes it.
    pub value: Option<NewValue>,
}

/// A value as a turn writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewValue {
    /// The value.
    pub value: Bytes,
    /// How long it is there, from the commit that writes it. `None` keeps it for as long as the
    /// instance, and counts it (VAL-04, VAL-05).
    pub expires_after: Option<Duration>,
}

/// A request for some values of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadValues {
    /// The instance.
    pub instance: InstanceId,
    /// Which of its values.
    pub keys: ValueKeys,
}

impl ReadValues {
    /// A request for these values, each named once.
    #[must_use]
    pub fn named(instance: InstanceId, keys: Vec<ValueKey>) -> Self {
        let keys = ValueKeys::Named(keys);
        Self { instance, keys }
    }
}

/// Which values are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueKeys {
    /// These, each named once (VAL-02).
    Named(Vec<ValueKey>),
    /// All there are, a page at a time; an empty page is the end (VAL-07).
    All {
        /// Those behind this key: the last one of the page before. `None` begins with the first.
        after: Option<ValueKey>,
        /// Stop before the values pass this many bytes, after one value at least.
        bytes_max: usize,
    },
}

/// A value of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceValue {
    /// Its key.
    pub key: ValueKey,
    /// What it is.
    pub value: Bytes,
    /// The commit that wrote it (VAL-02).
    pub version: CommitId,
}
