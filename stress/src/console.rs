//! Words for people.

use std::io::{Write as _, stderr, stdout};

/// Says what was asked for.
pub(crate) fn say(text: &str) {
    // There is nobody left to tell.
    stdout().lock().write_all(text.as_bytes()).ok();
}

/// Says how it goes on, or what is wrong.
pub(crate) fn mention(text: &str) {
    // As above.
    stderr().lock().write_all(text.as_bytes()).ok();
}
