//! An interrupted run leaves nothing behind.

use std::path::Path;
use std::process::exit;
use std::sync::mpsc::channel;
use std::{fs, io, thread};

use tokio::join;
use tokio::runtime::Builder;
use tokio::signal::ctrl_c;

/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: i32 = 130;
/// Cases go on meanwhile and make new files, so that one try may not be enough.
const TRIES: usize = 20;

/// From now on Ctrl-C ends the process after this folder was removed.
///
/// # Errors
/// When there is no thread to wait for it.
pub(crate) fn remove_when_interrupted(folder: &Path) -> io::Result<()> {
    let folder = folder.to_owned();
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (listens, listening) = channel();
    let wait = move || {
        // The first poll of the first one listens, and only then the second one says so.
        let (interrupt, ()) = runtime
            .block_on(async { join!(ctrl_c(), async { listens.send(()).unwrap_or_default() }) });
        if interrupt.is_ok() {
            remove(&folder);
            exit(INTERRUPTED);
        }
    };
    let thread = thread::Builder::new().name("interrupt".to_owned());
    thread.spawn(wait)?;
    listening.recv().map_err(io::Error::other)
}

fn remove(folder: &Path) {
    for _ in 0..TRIES {
        // Somebody who interrupts waits for no explanation; the folder's name says whose it is.
        fs::remove_dir_all(folder).ok();
        if !folder.exists() {
            return;
        }
    }
}
