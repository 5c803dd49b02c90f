//! The table of limits in the guide.

use std::fs;

use duroxide::limits::{self, Amount};
#[cfg(feature = "postgres")]
use duroxide::providers::postgres::PostgresOptions;
#[cfg(feature = "redis")]
use duroxide::providers::redis::RedisOptions;
use duroxide::providers::sqlite::SqliteOptions;

use super::tree::root;

const GUIDE: &str = "docs/ORCHESTRATION-GUIDE.md";
const HEAD: &str = "| limit | default | set by | of what | beyond it |\n|---|---|---|---|---|\n";

/// With these every backend is in it.
const FEATURES: &str = "--features postgres,redis";

/// The table as the code has it. What a backend limits besides comes last.
fn table() -> String {
    let of_core = limits::all().into_iter().map(|limit| {
        let (name, set_by) = (limit.name, limit.set_by);
        let (default, what, beyond) = (limit.default, limit.what, limit.beyond);
        format!("| `{name}` | {default} | {set_by} | {what} | {beyond} |\n")
    });
    let bytes = |bytes| Amount::Bytes(u64::try_from(bytes).unwrap());
    let count = |count| Amount::Count(u64::try_from(count).unwrap());
    let of_backends = [
        (
            "SQLite",
            "the thread that writes",
            "each thread that reads",
            bytes(SqliteOptions::QUEUED_WRITE_BYTES_MAX),
            count(SqliteOptions::QUEUED_READS_MAX),
        ),
        #[cfg(feature = "postgres")]
        (
            "Postgres",
            "a connection that writes",
            "each connection that reads",
            bytes(PostgresOptions::QUEUED_WRITE_BYTES_MAX),
            count(PostgresOptions::QUEUED_READS_MAX),
        ),
        #[cfg(feature = "redis")]
        (
            "Redis",
            "the connection that commits",
            "the connection that reads",
            bytes(RedisOptions::QUEUED_WRITE_BYTES_MAX),
            count(RedisOptions::QUEUED_READS_MAX),
        ),
    ];
    let of_backends = of_backends.into_iter().map(|(backend, writer, reader, bytes, reads)| {
        format!(
            "| `QUEUED_WRITE_BYTES_MAX` | {bytes} | {backend}, fixed | commits that wait for \
             {writer}, with 1 KiB for each operation | the caller waits; claims and \
             renewals do not |\n\
             | `QUEUED_READS_MAX` | {reads} | {backend}, fixed | reads that wait for {reader} | the caller waits |\n"
        )
    });
    of_core.chain(of_backends).collect()
}

#[test]
fn the_guide_has_every_limit_as_the_code_has_it() {
    let path = root().join(GUIDE);
    let guide = fs::read_to_string(&path).unwrap();
    let (before, rest) = guide.split_once(HEAD).unwrap();
    let (rows, after) = rest.split_once("\n\n").unwrap();
    let table = table();
    let left_out: Vec<_> = [
        ("Postgres", cfg!(feature = "postgres")),
        ("Redis", cfg!(feature = "redis")),
    ]
    .into_iter()
    .filter(|(_, is_built_in)| !is_built_in)
    .map(|(backend, _)| format!("| {backend}, fixed |"))
    .collect();
    if std::env::var_os("DUROXIDE_UPDATE").is_some() {
        assert!(left_out.is_empty(), "the table is written with {FEATURES}");
        fs::write(&path, [before, HEAD, &table, "\n", after].concat()).unwrap();
        return;
    }
    let is_known = |row: &&str| !left_out.iter().any(|it| row.contains(it));
    let rows: Vec<&str> = rows.lines().filter(is_known).collect();
    assert!(
        table.lines().eq(rows),
        "the table of limits in {GUIDE} is stale; run this test with DUROXIDE_UPDATE=1 and {FEATURES}"
    );
}
