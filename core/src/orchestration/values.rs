//! The values that an orchestration shows to others.

use std::panic::Location;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::OrchestrationContext;
use crate::codec;
use crate::values::{CUSTOM_STATUS, check_key};

impl OrchestrationContext {
    /// Shows how far the orchestration is, to whoever asks with
    /// [`Client::get_custom_status`](crate::Client::get_custom_status).
    ///
    /// It is written with the turn that sets it, atomically, and stays until it is set anew: over
    /// `continue_as_new`, and after the end of the instance until that is deleted. A replay publishes
    /// nothing.
    ///
    /// # Errors
    /// If it is too long: the values of an orchestration, its status among them, have at most
    /// [`KEPT_VALUES_BYTES_MAX`](crate::limits::KEPT_VALUES_BYTES_MAX) bytes together.
    #[track_caller]
    pub fn set_custom_status(&self, status: impl Into<String>) -> Result<(), String> {
        let key = CUSTOM_STATUS.to_owned();
        self.journal
            .set_value(key, Some(status.into()), Location::caller())
    }

    /// Removes the custom status.
    #[track_caller]
    pub fn reset_custom_status(&self) {
        self.remove(CUSTOM_STATUS, Location::caller());
    }

    /// The custom status, as this orchestration has set it last.
    #[must_use]
    pub fn get_custom_status(&self) -> Option<String> {
        self.journal.value(CUSTOM_STATUS)
    }

    /// Sets a value of this instance, for whoever asks with
    /// [`Client::get_value`](crate::Client::get_value), and for the code itself, over
    /// `continue_as_new` too. As [`set_custom_status`](Self::set_custom_status) otherwise.
    ///
    /// # Errors
    /// If the key is empty, longer than 256 bytes or begins with `@`, or if there is no room: an
    /// orchestration has at most 256 values, with their keys of at most
    /// [`KEPT_VALUES_BYTES_MAX`](crate::limits::KEPT_VALUES_BYTES_MAX) bytes together.
    #[track_caller]
    pub fn set_value(
        &self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), String> {
        let key = key.into();
        check_key(&key)?;
        self.journal
            .set_value(key, Some(value.into()), Location::caller())
    }

    /// As [`set_value`](Self::set_value), with a typed value.
    ///
    /// # Errors
    /// Those of [`set_value`](Self::set_value), and if the value cannot be encoded.
    #[track_caller]
    pub fn set_value_typed<T: Serialize + ?Sized>(
        &self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<(), String> {
        self.set_value(key, codec::encode(value)?)
    }

    /// Removes a value; one that is not there needs none of it.
    #[track_caller]
    pub fn remove_value(&self, key: &str) {
        // No value has a key that is none.
        if check_key(key).is_ok() {
            self.remove(key, Location::caller());
        }
    }

    /// A value, as this orchestration has set it last, in this execution or in one before.
    #[must_use]
    pub fn get_value(&self, key: &str) -> Option<String> {
        check_key(key).ok()?;
        self.journal.value(key)
    }

    /// The decoded value.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn get_value_typed<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, String> {
        let value = self.get_value(key);
        value.map(|text| codec::decode(&text)).transpose()
    }

    fn remove(&self, key: &str, location: &'static Location<'static>) {
        // Only what is set may lack room.
        self.journal.set_value(key.to_owned(), None, location).ok();
    }
}
