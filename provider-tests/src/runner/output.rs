//! Where the words go.

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

/// Writes to standard output. A reader that went away, as `head` does, is no mistake of anybody.
pub(super) fn print(text: &str) -> Result<ExitCode, String> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .ok();
    Ok(ExitCode::SUCCESS)
}

/// Says what is wrong with the command line.
pub(super) fn complain(wrong: &str) {
    let text = format!("{wrong}\n--help says what can be chosen\n");
    // There is nobody left to tell.
    stderr().lock().write_all(text.as_bytes()).ok();
}
