//! What the operator of a server is to know, though a store can be opened there.

use std::sync::Arc;

use parking_lot::Mutex;

/// Of a server that a store was opened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Warning {
    /// It keeps no append-only file.
    NoAppendOnlyFile { server: Arc<str> },
    /// The user may not read its settings.
    SettingsNotTold { server: Arc<str>, cause: String },
}

impl Warning {
    fn log(&self) {
        match self {
            Self::NoAppendOnlyFile { server } => tracing::warn!(
                target: "duroxide::redis",
                %server,
                "the server keeps no append-only file, so that its end takes everything since its last \
                 snapshot; set `appendonly yes`"
            ),
            Self::SettingsNotTold { server, cause } => tracing::warn!(
                target: "duroxide::redis",
                %server,
                %cause,
                "the server does not tell its settings; it is assumed that a loss of power takes the last seconds \
                 of commits"
            ),
        }
    }
}

/// Warnings until they are logged. A store is opened before the runtime is started, which may be what sets up
/// the log of the program.
#[derive(Debug)]
pub(crate) struct Warnings(Mutex<Vec<Warning>>);

impl Warnings {
    /// Logs them at once if somebody listens.
    pub(crate) fn of_opening(warnings: Vec<Warning>) -> Self {
        let kept = Self(Mutex::new(warnings));
        if tracing::enabled!(target: "duroxide::redis", tracing::Level::WARN) {
            kept.tell();
        }
        kept
    }

    /// Logs those that have not been logged.
    pub(crate) fn tell(&self) {
        let untold = std::mem::take(&mut *self.0.lock());
        untold.iter().for_each(Warning::log);
    }
}
