//! The values that an orchestration shows: what their keys may be, and which of them means what.

use crate::providers::ValueKey;

/// The key of the custom status. Code cannot name it: what begins so is duroxide's.
pub(crate) const CUSTOM_STATUS: &str = "@status";

const RESERVED: char = '@';

/// Whether code and clients may name a value so.
///
/// # Errors
/// What is wrong with the key.
pub(crate) fn check_key(key: &str) -> Result<(), String> {
    let bytes_max = ValueKey::BYTES_MAX;
    if !(1..=bytes_max).contains(&key.len()) {
        return Err(format!(
            "the key of a value has 1 to {bytes_max} bytes, this one has {}; choose another key",
            key.len()
        ));
    }
    if key.starts_with(RESERVED) {
        return Err(format!(
            "keys that begin with {RESERVED} are duroxide's own; choose another key"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_not_ours() {
        for key in ["a", "a@b", "naïve ☃", &"x".repeat(ValueKey::BYTES_MAX)] {
            assert_eq!(check_key(key), Ok(()), "{key}");
        }
        for key in ["", CUSTOM_STATUS, "@", &"x".repeat(ValueKey::BYTES_MAX + 1)] {
            assert!(check_key(key).is_err(), "{key}");
        }
    }
}
