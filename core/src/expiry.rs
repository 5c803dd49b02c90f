//! For how long ended instances are kept.

use std::time::Duration;

use crate::limits::EXPIRE_AFTER_MIN;

/// The time, or why nothing may expire so early.
pub(crate) fn checked(expire_after: Option<Duration>) -> Result<Option<Duration>, String> {
    match expire_after {
        Some(after) if after < EXPIRE_AFTER_MIN => Err(format!(
            "an ended instance is kept for {EXPIRE_AFTER_MIN:?} at least, so that what is sent to it \
             again finds it, and not for {after:?}; name a longer time, or none to keep it for ever"
        )),
        Some(_) | None => Ok(expire_after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_expires_while_senders_may_repeat() {
        let short = EXPIRE_AFTER_MIN.checked_sub(Duration::from_millis(1));
        assert!(checked(short).unwrap_err().contains("name a longer time"));
        for allowed in [None, Some(EXPIRE_AFTER_MIN), Some(Duration::MAX)] {
            assert_eq!(checked(allowed), Ok(allowed));
        }
    }
}
