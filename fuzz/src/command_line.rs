//! The flags of the conformance suite.

use duroxide_provider_tests::fuzzing::read_command_line;

/// More than the argument that it is about, which the error repeats, has to say.
const EXPLANATION_BYTES_MAX: usize = 600;

/// Each line is an argument.
pub(crate) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let arguments: Vec<String> = text.lines().map(str::to_owned).collect();
    let longest = arguments.iter().map(String::len).max().unwrap_or_default();
    if let Err(error) = read_command_line(arguments) {
        // An escape has at most ten times the bytes of what it stands for.
        crate::text::check_length(&error, 10 * longest + EXPLANATION_BYTES_MAX);
    }
}
