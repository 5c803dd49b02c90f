//! The values that the code has set: it reads its own.

use std::collections::{BTreeMap, VecDeque};
use std::panic::Location;

use super::state::State;
use super::token::Decision;
use crate::event::EventKind;
use crate::limits::{KEPT_VALUES_BYTES_MAX, KEPT_VALUES_MAX};
use crate::message::ValueBody;

/// The values of an instance, as its code has left them.
#[derive(Debug, Default)]
pub(super) struct Values {
    values: BTreeMap<String, String>,
    /// Of the keys and of the encoded values.
    bytes: usize,
}

impl From<&BTreeMap<String, String>> for Values {
    fn from(values: &BTreeMap<String, String>) -> Self {
        let bytes = values.iter().map(|(key, value)| bytes_of(key, value));
        Self {
            values: values.clone(),
            bytes: bytes.sum(),
        }
    }
}

impl Values {
    pub(super) fn get(&self, key: &str) -> Option<&String> {
        self.values.get(key)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The bytes of the values, encoded, without those of their keys.
    pub(super) fn value_bytes(&self) -> usize {
        self.bytes - self.values.keys().map(String::len).sum::<usize>()
    }

    /// Sets or removes a value.
    pub(super) fn put(&mut self, key: &str, value: Option<String>) {
        if let Some(before) = self.values.remove(key) {
            self.bytes -= bytes_of(key, &before);
        }
        if let Some(value) = value {
            self.bytes += bytes_of(key, &value);
            self.values.insert(key.to_owned(), value);
        }
    }

    /// All of them.
    pub(super) fn to_map(&self) -> BTreeMap<String, String> {
        self.values.clone()
    }

    /// All of them, for the next execution.
    pub(super) fn into_map(self) -> BTreeMap<String, String> {
        self.values
    }

    /// Whether there is room for a value. The limits are those of this version and not of the store, so
    /// that a replay answers the same.
    fn check_room(&self, key: &str, value: &str) -> Result<(), String> {
        let before = self.values.get(key);
        let bytes = self.bytes - before.map_or(0, |before| bytes_of(key, before));
        let bytes = bytes.saturating_add(bytes_of(key, value));
        if bytes > KEPT_VALUES_BYTES_MAX {
            return Err(format!(
                "the values of an orchestration have at most {KEPT_VALUES_BYTES_MAX} bytes together, \
                 encoded and with their keys (KEPT_VALUES_BYTES_MAX), and with this one they would \
                 have {bytes}; store large data elsewhere and set a reference to it"
            ));
        }
        if before.is_none() && self.values.len() >= KEPT_VALUES_MAX {
            return Err(format!(
                "an orchestration has at most {KEPT_VALUES_MAX} values (KEPT_VALUES_MAX); remove \
                 some, or put several into one"
            ));
        }
        Ok(())
    }
}

fn bytes_of(key: &str, value: &str) -> usize {
    key.len() + ValueBody::of(value).encode().len()
}

impl State {
    /// Whether the decision that history has next is to set this value.
    fn has_recorded_next(&self, key: &str) -> bool {
        let next = self.recorded.as_ref().and_then(VecDeque::front);
        next.is_some_and(
            |it| matches!(&it.kind, EventKind::ValueSet { key: recorded, .. } if recorded == key),
        )
    }

    /// Sets a value, or removes it, unless there is no room for it. Neither a refusal nor the removal of what
    /// is not there is an event: both follow from the events before.
    pub(super) fn set_value(
        &mut self,
        key: String,
        value: Option<String>,
        location: &'static Location<'static>,
    ) -> Result<(), String> {
        match &value {
            // What is recorded had room, and is adopted, whatever the code sets today.
            Some(_) if self.has_recorded_next(&key) => {}
            Some(value) => self.values.check_room(&key, value)?,
            None if self.values.get(&key).is_none() => return Ok(()),
            None => {}
        }
        let decision = Decision::SetValue { key, value };
        if self.may_decide(&decision) {
            self.decide(&decision, location);
        }
        Ok(())
    }
}
