//! What this process writes into its log, of every level and on every thread.

use std::io;
use std::sync::Once;

use parking_lot::Mutex;
use tracing_subscriber::filter::LevelFilter;

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to listen. A provider works on a thread of its own, so that this is for all of them.
pub(crate) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(|| Writer)
            .init();
        tracing::info!("the log is captured");
    });
}

/// All that was said so far.
pub(crate) fn said() -> String {
    String::from_utf8_lossy(&SAID.lock()).into_owned()
}

/// Nobody may have written this into the log.
pub(crate) fn assert_never_said(secret: &str) {
    let said = said();
    assert!(said.contains("the log is captured"));
    let line = said.lines().find(|line| line.contains(secret));
    assert_eq!(line, None, "a secret is in the log");
}
