//! By which rules an execution decides.
//!
//! Code decides through what duroxide builds from activities and timers, such as retries. When that
//! decides otherwise than the version before, an execution that has begun must go on as it began, or
//! its history would not be repeated.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The rules of a history whose start names none. The timeout of a retry policy is a timer beside
/// each attempt and final, poison is tried again, no attempts are one, and `continue_as_new` takes
/// effect when it is awaited.
pub(crate) const FIRST_RULES: u8 = 0;

/// The rules of what begins now.
pub(crate) const RULES: u8 = 1;

/// Rules that a later version has made are ones that this one cannot go by.
pub(super) fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    match Option::deserialize(deserializer)? {
        Some(rules) if rules > RULES => Err(D::Error::custom("rules of a later version")),
        known => Ok(known),
    }
}
