//! What `fuzz/` reaches of what is private. Not part of the public interface.

/// Reads the command line of the suite, and does nothing.
///
/// # Errors
/// What is wrong with it.
pub fn read_command_line(arguments: Vec<String>) -> Result<(), String> {
    crate::runner::read_command_line(arguments)
}
