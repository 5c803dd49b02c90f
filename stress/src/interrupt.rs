//! Ctrl-C, which ends a run early: what was measured until then is reported.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use tokio::sync::watch;

use crate::console::mention;

/// How long what is under way may go on once somebody wants the run to end.
const GRACE: Duration = Duration::from_secs(10);

/// Whether somebody wants the run to end, and since when.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<watch::Sender<Option<Duration>>>);

impl Interrupt {
    /// Listens for Ctrl-C from now on, on the runtime of the caller. A second one ends the process at once.
    pub(crate) fn listen() -> Self {
        let interrupt = Self(Arc::new(watch::Sender::new(None)));
        let wanted = interrupt.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                wanted.0.send_replace(Some(SystemClock.elapsed()));
                mention("it ends, and reports what was measured; Ctrl-C again ends it at once\n");
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                mention("stores on servers and folders duroxide-stress-… are left behind\n");
                std::process::exit(INTERRUPTED.into());
            }
        });
        interrupt
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Since when the run is to end, by the clock's elapsed time.
    pub(crate) fn wanted_at(&self) -> Option<Duration> {
        *self.0.borrow()
    }

    /// Waits until somebody wants the run to end.
    pub(crate) async fn wanted(&self) {
        let mut told = self.0.subscribe();
        if told.wait_for(Option::is_some).await.is_err() {
            // The sender is this value's own.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until what is under way should have ended.
    pub(crate) async fn is_over(&self) {
        self.wanted().await;
        SystemClock.sleep(GRACE).await;
    }
}

/// The exit code of a program that Ctrl-C ended, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;
