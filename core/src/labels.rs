//! The labels that users give to instances.

use crate::limits::{LABEL_KEY_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX};
use crate::providers::Labels;

/// Whether an instance may have these labels.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn check(labels: &Labels) -> Result<(), String> {
    if labels.len() > LABELS_MAX {
        return Err(format!(
            "an instance has at most {LABELS_MAX} labels, this one would have {}; give it fewer",
            labels.len()
        ));
    }
    for (key, value) in labels {
        if !(1..=LABEL_KEY_BYTES_MAX).contains(&key.len()) {
            return Err(format!(
                "the key of a label has 1 to {LABEL_KEY_BYTES_MAX} bytes, this one has {}; choose \
                 another key",
                key.len()
            ));
        }
        if value.len() > LABEL_VALUE_BYTES_MAX {
            return Err(format!(
                "the value of a label has at most {LABEL_VALUE_BYTES_MAX} bytes, that of {key:?} has \
                 {}; keep what is longer in a value of the instance",
                value.len()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_few_and_short() {
        let one = |key: &str, value: &str| Labels::from([(key.to_owned(), value.to_owned())]);
        let many = |count: usize| {
            (0..count)
                .map(|it| (it.to_string(), String::new()))
                .collect()
        };
        check(&Labels::new()).unwrap();
        check(&one(&"k".repeat(64), &"v".repeat(256))).unwrap();
        check(&many(16)).unwrap();
        for (labels, expected) in [
            (one("", "v"), "1 to 64 bytes, this one has 0"),
            (one(&"k".repeat(65), "v"), "this one has 65"),
            (one("k", &"v".repeat(257)), "that of \"k\" has 257"),
            (many(17), "would have 17"),
        ] {
            let message = check(&labels).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
