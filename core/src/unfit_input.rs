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
    /// takes and, as far as that can be told, the field that is missing or the kind of value.
    pub(crate) fn mismatch(&self) -> String {
        let error = self.error.as_str();
        let (expected, reason) = error.split_once(": ").unwrap_or((error, ""));
        let shown = shown(reason).map_or_else(String::new, |shown| format!(": {shown}"));
        format!(
            "the input of {} cannot be decoded: {expected}{shown}",
            self.code
        )
    }
}

/// What serde calls the kinds of values.
const KINDS: [&str; 8] = [
    "boolean",
    "integer",
    "floating point",
    "string",
    "null",
    "unit value",
    "sequence",
    "map",
];

/// As much of the decoder's reason as says nothing of the input but the kind of a value.
fn shown(reason: &str) -> Option<String> {
    // Where in the input it was is no news, and not the same for all of them.
    let reason = reason
        .rsplit_once(" at line ")
        .map_or(reason, |(reason, _)| reason);
    if reason.starts_with("missing field `") {
        return Some(reason.to_owned());
    }
    let value = reason.strip_prefix("invalid type: ")?;
    let kind = KINDS.iter().find(|kind| value.starts_with(*kind))?;
    // The last one is the decoder's own.
    let (_, expected) = value.rsplit_once(", expected ")?;
    Some(format!("invalid type: {kind}, expected {expected}"))
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
            r#"{"number":"1, expected secret at line 1 column 7"}"#,
            "secret",
        ] {
            let mismatch = unfit(input).mismatch();
            assert!(
                mismatch.contains("Order: invalid type: string, expected"),
                "{mismatch}"
            );
            assert!(!mismatch.contains("secret"), "{mismatch}");
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_left_out() {
        let error =
            "expected Order: unknown variant `secret`, expected `A` or `B` at line 1 column 9";
        let unfit = UnfitInput::new("activity Ship".to_owned(), error.to_owned());
        assert_eq!(
            unfit.mismatch(),
            "the input of activity Ship cannot be decoded: expected Order"
        );
    }
}
