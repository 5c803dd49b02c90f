//! The URLs that choose a store.

use duroxide_sqlite::fuzzing::{locate, parse};
use futures_util::FutureExt as _;

use crate::text::check_discreet;

const ERROR_BYTES_MAX: usize = 500;

/// Reads a URL in every place where one is read. No store is opened but one in memory.
pub(crate) fn run(bytes: &[u8]) {
    let url = String::from_utf8_lossy(bytes);
    match parse(&url) {
        // That there is no such file is said with its name, and is no promise of this target.
        Ok(()) => drop(locate(&url)),
        Err(error) => check_discreet(&format!("{error:?} {error}"), ERROR_BYTES_MAX),
    }
    // Schemes ignore case.
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    // This backend opens the file, and its part in reading the URL was just called.
    if scheme == "sqlite" {
        return;
    }
    // Nor is a server asked.
    if scheme == "postgres" || scheme == "postgresql" {
        let url = format!("{scheme}:{rest}");
        if let Err(error) = duroxide_postgres::fuzzing::parse(&url) {
            check_discreet(&format!("{error:?} {error}"), ERROR_BYTES_MAX);
        }
        return;
    }
    let connected = duroxide::providers::connect(&url).now_or_never();
    assert!(connected.is_some(), "reading a URL waits for something");
    if let Some(Err(error)) = connected {
        check_discreet(&format!("{error:?} {error}"), ERROR_BYTES_MAX);
    }
}
