//! The typed codec: JSON, with strings as they are.
//!
//! A value that JSON writes as a string is stored as the bare text, so that typed and untyped code
//! understand each other: untyped code finds the text that typed code sent, and typed code finds
//! the value that an untyped text spells. Only a text that is itself a JSON string literal keeps
//! quotes around it: `"x"` with its quotes would otherwise come back without them.
//!
//! What reads a text decides what it means, so two things do not come back as they were: the text
//! `null` in an `Option` is read as `None`, and the text `42` in a [`Value`] as a number.

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
        Ok(text) if !is_string_literal(&text) => text,
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

/// Whether a reader of strings would take this text for the string that it spells.
fn is_string_literal(text: &str) -> bool {
    serde_json::from_str::<String>(text).is_ok()
}

/// Whether some type could be decoded from this text.
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
            comes_back(&vec![text.to_owned()]);
            if text != "null" {
                comes_back(&Some(text.to_owned()));
            }
            if text == "\"x\"" || !is_json(text) {
                comes_back(&Value::String(text.to_owned()));
            }
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

    /// A text that typed code sends: what is stored, which is what untyped code reads, and whether
    /// typed code reads a value of another type from it.
    #[test]
    fn typed_and_untyped_code_understand_each_other() {
        for (text, stored) in [
            ("plain", "plain"),
            ("", ""),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("[1, 2]", "[1, 2]"),
            ("42", "42"),
            ("-1.5e3", "-1.5e3"),
            ("true", "true"),
            ("null", "null"),
            ("{", "{"),
            ("\"", "\""),
            // String literals are the only ones to be quoted.
            (r#""x""#, r#""\"x\"""#),
            (r#" "x" "#, r#"" \"x\" ""#),
            (r#""""#, r#""\"\"""#),
            // This one spells no string.
            (r#""\ud800""#, r#""\ud800""#),
        ] {
            assert_eq!(encode(text).unwrap(), stored);
            assert_eq!(decode::<String>(stored).unwrap(), text);
        }
        // Typed code sends text, and typed code of another type reads the value.
        let read = |text: &str| decode::<Value>(&encode(text).unwrap()).unwrap();
        assert_eq!(read(r#"{"a":1}"#), serde_json::json!({"a": 1}));
        assert_eq!(read("42"), serde_json::json!(42));
        assert_eq!(read("plain"), serde_json::json!("plain"));
        assert_eq!(decode::<u64>(&encode("42").unwrap()).unwrap(), 42);
        assert!(decode::<bool>(&encode("true").unwrap()).unwrap());
        // Typed code sends a value, and code that reads text gets its JSON.
        let order = Order { id: 1, note: None };
        let text = encode(&order).unwrap();
        assert_eq!(decode::<String>(&text).unwrap(), r#"{"id":1,"note":null}"#);
        assert_eq!(encode(&Colour::Red).unwrap(), "Red");
        assert_eq!(decode::<Colour>("Red").unwrap(), Colour::Red);
    }

    #[test]
    fn what_untyped_code_wrote_is_decoded() {
        for text in [
            "1", "null", "plain", "{", "{}", "1e999", "", "true", "[\"a\"]",
        ] {
            assert_eq!(decode::<String>(text).unwrap(), text);
        }
        assert_eq!(decode::<String>("\"quoted\"").unwrap(), "quoted");
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

        /// Whatever JSON it is, a string that holds it is stored as it is, unless it is a literal.
        #[test]
        fn json_in_a_string_is_stored_raw(number in any::<i64>(), key in "[a-z]*", text in ".*") {
            let literal = serde_json::to_string(&text).unwrap();
            for json in [
                number.to_string(),
                format!("[{number}]"),
                format!("{{\"{key}\":{literal}}}"),
            ] {
                prop_assert_eq!(encode(&json).unwrap(), json.clone());
                comes_back(&json);
            }
            prop_assert_ne!(encode(&literal).unwrap(), literal.clone());
            comes_back(&literal);
        }
    }
}
