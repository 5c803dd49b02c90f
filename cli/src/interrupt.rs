//! An interrupted run leaves nothing behind.

use std::process::exit;
use std::sync::mpsc::channel;
use std::{io, thread};

use tokio::join;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::ctrl_c;

/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// From now on Ctrl-C ends the process after this was done.
///
/// # Errors
/// When there is no thread to wait for it.
pub(crate) fn when_interrupted(undo: impl FnOnce(&Runtime) + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (listens, listening) = channel();
    let wait = move || {
        // The first poll of the first one listens, and only then the second one says so.
        let (interrupt, ()) = runtime
            .block_on(async { join!(ctrl_c(), async { listens.send(()).unwrap_or_default() }) });
        if interrupt.is_ok() {
            undo(&runtime);
            exit(INTERRUPTED);
        }
    };
    let thread = thread::Builder::new().name("interrupt".to_owned());
    thread.spawn(wait)?;
    listening.recv().map_err(io::Error::other)
}
