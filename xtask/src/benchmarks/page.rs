//! The page of all figures.

use std::fmt::Write as _;

use super::part::Part;

const HEADER: &str = "\
# Benchmarks

What every backend does on one machine, measured by `duroxide stress`. `cargo xtask benchmarks` measures all of it and writes
this page from the reports in [benchmarks](benchmarks); nothing here is written by hand. Compare figures of one part with one
another, and those of different parts or machines hardly. [How they are measured and what the columns are](../STRESS_TEST_MONITORING.md).

Each run was checked: everything was done, and done once. Servers ran on the same two processors as the load; PostgreSQL as
it comes, flushing each commit, and Redis with an append-only file that is synced every second, so that a Redis that
loses power loses up to two seconds of what it has acknowledged.
";

/// The page, from what the report of each part says.
pub(super) fn page(shown: &[(&Part, String)]) -> String {
    let mut page = HEADER.to_owned();
    for (part, said) in shown {
        // Writing to a text does not fail.
        write!(
            page,
            "\n## {}\n\n{}\n\n```sh\n{}\n```\n\n{said}",
            part.title,
            part.about,
            part.command()
        )
        .ok();
    }
    page
}
