//! What holds for the text of an error that bytes bring about.

/// It stands in seeds where a secret may be; no error repeats it.
const SECRET: &str = "hunter2";

/// Panics if the text is longer than a person reads.
pub(crate) fn check_length(text: &str, bytes_max: usize) {
    assert!(text.len() <= bytes_max, "{} bytes: {text}", text.len());
}

/// Panics if the text is too long, or repeats what was decoded.
pub(crate) fn check_discreet(text: &str, bytes_max: usize) {
    check_length(text, bytes_max);
    assert!(!text.contains(SECRET), "it repeats what it read: {text}");
}
