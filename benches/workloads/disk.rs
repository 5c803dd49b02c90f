//! The machine's own rate of durable writes: nothing durable is faster than this.

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use tempfile::NamedTempFile;

use super::Failure;
use super::workload::Size;

/// One page of a database.
const PAGE: [u8; 4096] = [7; 4096];

/// Measures appends of one page, each followed by fdatasync, and says what it found.
pub(crate) fn describe(size: Size) -> Result<String, Failure> {
    let file = NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut file: &File = file.as_file();
    let mut times = Vec::new();
    for _ in 0..size.of(20, 1_000) {
        let began = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    Ok(format!(
        "this disk: one page and fdatasync, median {median:.2?}, {:.0} a second; {} processors",
        1.0 / median.as_secs_f64(),
        std::thread::available_parallelism()?
    ))
}
