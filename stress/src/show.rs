//! A report that was written before.

use std::path::Path;
use std::process::ExitCode;

use crate::console::{mention, say};
use crate::report::markdown::markdown;
use crate::report::read;
use crate::report::table::table;

/// How a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For a document.
    Markdown,
}

/// Shows a report on standard output, `stress.json` of an earlier run. The exit code is 1 if it is none.
#[must_use]
pub fn show(file: &Path, format: Format) -> ExitCode {
    match read(file) {
        Ok(report) => {
            say(&match format {
                Format::Text => table(&report),
                Format::Markdown => markdown(&report),
            });
            ExitCode::SUCCESS
        }
        Err(failure) => {
            mention(&format!("{failure}\n"));
            ExitCode::FAILURE
        }
    }
}
