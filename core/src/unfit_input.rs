//! An input that its code does not take.

use std::fmt;

/// An input that is not of the type with which its code is registered: a deployment has changed the
/// type, or whoever sent the input was mistaken. Nobody can tell which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnfitInput {
    /// What the input is for, such as `activity Add`.
    code: String,
    /// What the codec says, which may quote from the input.
    error: String,
}

impl UnfitInput {
    pub(crate) fn new(code: String, error: String) -> Self {
        Self { code, error }
    }

    /// What does not fit, without a word of the input, which is not for a log: the type that the code
    /// takes and, if that is all, the field that is missing.
    pub(crate) fn mismatch(&self) -> String {
        let (expected, reason) = self
            .error
            .split_once(": ")
            .unwrap_or((self.error.as_str(), ""));
        let shown = if reason.starts_with("missing field `") {
            // Where the input ends is no news, and not the same for all of them.
            let said = self.error.rsplit_once(" at line ");
            said.map_or(self.error.as_str(), |(said, _)| said)
        } else {
            expected
        };
        format!("the input of {} cannot be decoded: {shown}", self.code)
    }
}

impl fmt::Display for UnfitInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the input of {} cannot be decoded: {}; pass the type that it is registered with; what \
             that type has gained since needs a default (`#[serde(default)]`)",
            self.code, self.error
        )
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::codec;

    #[derive(Debug, Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "only its absence matters")]
        number: u64,
    }

    fn unfit(input: &str) -> UnfitInput {
        let error = codec::decode::<Order>(input).unwrap_err();
        UnfitInput::new("activity Ship".to_owned(), error)
    }

    #[test]
    fn a_missing_field_is_named() {
        let mismatch = unfit("{}").mismatch();
        assert!(
            mismatch.contains("activity Ship")
                && mismatch.contains("Order: missing field `number`"),
            "{mismatch}"
        );
    }

    #[test]
    fn nothing_is_quoted_from_the_input() {
        for input in [
            r#"{"number":"secret"}"#,
            r#""secret""#,
            r#"{"number":": missing field `secret"}"#,
            "secret",
        ] {
            let mismatch = unfit(input).mismatch();
            assert!(
                mismatch.ends_with("Order") && !mismatch.contains("secret"),
                "{mismatch}"
            );
        }
    }
}
