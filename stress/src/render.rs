//! A report that was written before, written anew.

use std::path::Path;
use std::process::ExitCode;

use crate::console::{mention, say};
use crate::report::table::table;
use crate::report::{read, write};

/// Reads a report, shows its tables on standard output, and writes it into a folder with the page, the tables and the
/// plots of this version. The exit code is 1 if it is no report, or cannot be written.
#[must_use]
pub fn render(report: &Path, folder: &Path) -> ExitCode {
    let written = read(report).and_then(|report| {
        write(&report, folder)?;
        Ok(report)
    });
    match written {
        Ok(report) => {
            say(&table(&report));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            mention(&format!("{failure}\n"));
            ExitCode::FAILURE
        }
    }
}
