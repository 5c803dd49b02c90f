//! The typed codec: JSON, with strings as they are.
//!
//! A value that JSON writes as a string is stored as the bare text, so that typed and untyped code
//! understand each other. A text that is JSON by itself keeps its quotes: the string `"1"` would
//! otherwise come back as a number.

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

/// Encodes a value.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, String> {
    let json = serde_json::to_string(value)
        .map_err(|error| format!("the value cannot be written as JSON: {error}"))?;
    if !json.starts_with('"') {
        return Ok(json);
    }
    Ok(match serde_json::from_str::<String>(&json) {
        Ok(text) if !is_json(&text) => text,
        _ => json,
    })
}

/// Decodes what [`encode`] made, or what untyped code wrote.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).or_else(|as_json| {
        serde_json::from_value(Value::String(text.to_owned())).map_err(|as_text| {
            let error = if is_json(text) { as_json } else { as_text };
            format!("expected {}: {error}", std::any::type_name::<T>())
        })
    })
}

/// Whether some type could be decoded from this text. It may say so of a text that no type can be
/// decoded from, for example a number beyond all bounds; that text then merely keeps its quotes.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        id: u64,
        note: Option<String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Colour {
        Red,
        Mixed(u8, u8),
    }

    #[track_caller]
    fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
        let text = encode(value).unwrap();
        assert_eq!(decode::<T>(&text).unwrap(), *value, "stored as {text}");
    }

    #[test]
    fn strings_come_back_whatever_they_look_like() {
        for text in [
            "",
            " ",
            "1",
            "-1.5e3",
            "1e999",
            "true",
            "null",
            "\"x\"",
            "\"",
            "{",
            "{}",
            "[1]",
            "plain",
            "two words",
            "naïve ☃ 🦀",
            "line\nbreak",
            "\\u0041",
            "\u{0}",
            "nul",
            "\"\\ud800\"",
        ] {
            comes_back(&text.to_owned());
            comes_back(&Some(text.to_owned()));
            comes_back(&Value::String(text.to_owned()));
            comes_back(&vec![text.to_owned()]);
        }
        comes_back(&("[".repeat(500) + &"]".repeat(500)));
    }

    #[test]
    fn other_values_come_back() {
        comes_back(&());
        comes_back(&None::<String>);
        comes_back(&None::<u8>);
        comes_back(&u64::MAX);
        comes_back(&true);
        comes_back(&'1');
        comes_back(&Colour::Red);
        comes_back(&Colour::Mixed(1, 2));
        comes_back(&(1, "1".to_owned()));
        comes_back(&BTreeMap::from([("key".to_owned(), 1)]));
        comes_back(&Order { id: 1, note: None });
        comes_back(&Order {
            id: 1,
            note: Some("\"".to_owned()),
        });
    }

    #[test]
    fn plain_text_is_stored_as_it_is_and_json_text_quoted() {
        assert_eq!(encode("plain").unwrap(), "plain");
        assert_eq!(encode("").unwrap(), "");
        assert_eq!(encode("1").unwrap(), "\"1\"");
        assert_eq!(encode(&Colour::Red).unwrap(), "Red");
    }

    #[test]
    fn what_untyped_code_wrote_is_decoded() {
        for text in ["1", "null", "plain", "{", "{}", "1e999", ""] {
            assert_eq!(decode::<String>(text).unwrap(), text);
        }
        assert_eq!(
            decode::<Order>(r#"{"id":1}"#).unwrap(),
            Order { id: 1, note: None }
        );
    }

    #[test]
    fn an_error_names_the_type_and_the_fault_that_matters() {
        let error = decode::<u8>("many").unwrap_err();
        assert!(
            error.contains("u8") && error.contains("string \"many\""),
            "{error}"
        );
        let error = decode::<Order>("{}").unwrap_err();
        assert!(error.contains("missing field `id`"), "{error}");
        assert!(
            encode(&BTreeMap::from([(vec![1], 1)]))
                .unwrap_err()
                .contains("JSON")
        );
    }

    proptest! {
        #[test]
        fn every_string_comes_back(text in ".*", plain in any::<String>()) {
            comes_back(&text);
            comes_back(&plain);
        }
    }
}
