//! The values that a turn sets and removes.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::draft::refused;
use crate::event::ErrorDetails;
use crate::message::ValueBody;
use crate::providers::{Limits, NewValue, ValueKey, ValueUpdate};
use crate::replay::ValuesKept;

/// What a turn does to the values of its instance: each of them as it is in the end, however often it
/// was set.
#[derive(Debug, Default)]
pub(super) struct ChangedValues {
    changes: BTreeMap<String, Option<Bytes>>,
    bytes: usize,
}

impl ChangedValues {
    pub(super) fn change(&mut self, key: &str, value: Option<&str>) {
        let new = value.map(|value| ValueBody::of(value).encode());
        self.bytes += new.as_ref().map_or(0, Bytes::len);
        let before = self.changes.insert(key.to_owned(), new);
        self.bytes -= before.flatten().as_ref().map_or(0, Bytes::len);
    }

    /// How many values are changed.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The bytes of those that are set.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a store with these limits takes them, when the instance keeps so many.
    ///
    /// # Errors
    /// Which limit the provider was given that is lower than what code may set.
    pub(super) fn check(&self, limits: &Limits, kept: ValuesKept) -> Result<(), ErrorDetails> {
        let longest = self.changes.values().flatten().map(Bytes::len).max();
        for (name, found, max) in [
            ("values_max", kept.count, limits.values_max),
            (
                "value_bytes_max",
                longest.unwrap_or(0),
                limits.value_bytes_max,
            ),
            ("values_bytes_max", kept.bytes, limits.values_bytes_max),
        ] {
            if found > max {
                return Err(refused(format!(
                    "the orchestration's values are over the provider's limit {name} of {max}, with \
                     {found}; set fewer or smaller ones, or raise the limit"
                )));
            }
        }
        Ok(())
    }

    /// Takes them out, for the commit.
    pub(super) fn take(&mut self) -> Vec<ValueUpdate> {
        let changes = std::mem::take(&mut self.changes).into_iter();
        let update = |(key, value): (String, Option<Bytes>)| ValueUpdate {
            key: ValueKey::from(key.as_str()),
            value: value.map(|value| NewValue {
                value,
                expires_after: None,
            }),
        };
        changes.map(update).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_once_however_often_it_is_set() {
        let mut changed = ChangedValues::default();
        changed.change("a", Some("one"));
        changed.change("b", Some("two"));
        let bytes = changed.bytes();
        changed.change("a", None);
        changed.change("a", Some("two"));
        assert_eq!((changed.len(), changed.bytes()), (2, bytes));
        changed.change("b", None);
        let taken = changed.take();
        let keys: Vec<&str> = taken.iter().map(|update| update.key.as_str()).collect();
        assert_eq!(keys, ["a", "b"]);
        let body = taken[0].value.as_ref().unwrap().value.clone();
        assert_eq!(ValueBody::decode(&body).unwrap(), ValueBody::of("two"));
        assert_eq!(taken[1].value, None);
    }

    #[test]
    fn a_store_with_lower_limits_is_named() {
        let mut changed = ChangedValues::default();
        changed.change("a", Some("some text"));
        let kept = ValuesKept {
            count: 1,
            bytes: 30,
        };
        assert_eq!(changed.check(&Limits::default(), kept), Ok(()));
        let limits = Limits {
            values_bytes_max: 10,
            ..Limits::default()
        };
        let details = changed.check(&limits, kept).unwrap_err();
        let message = details.display_message();
        assert!(message.contains("values_bytes_max of 10"), "{message}");
    }
}
