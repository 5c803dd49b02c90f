//! A machine that is busy with something else.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// The threads that compute, for each processor.
const BUSY_PER_PROCESSOR: usize = 2;
/// The threads that write and wait for the disk.
const WRITERS: usize = 2;
/// What is written between two waits.
const WRITE_BYTES: usize = 256 * 1024;
/// What is computed between two looks at whether it is time to end.
const ROUNDS: u64 = 1 << 16;

/// Threads that keep the processors and the disk busy until this is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    folder: PathBuf,
}

impl Load {
    /// Starts all of them.
    pub(crate) fn start() -> Result<Self, String> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let busy = processors * BUSY_PER_PROCESSOR;
        let folder = std::env::temp_dir().join(format!("duroxide-load-{}", std::process::id()));
        println!("load: {busy} threads compute, and {WRITERS} write and wait for the disk");
        Self::of(busy, WRITERS, folder).map_err(|error| format!("no load can be made: {error}"))
    }

    fn of(busy: usize, writers: usize, folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut load = Self {
            is_over: Arc::default(),
            threads: Vec::new(),
            folder,
        };
        for _ in 0..busy {
            load.spawn("busy", compute)?;
        }
        for number in 0..writers {
            let path = load.folder.join(number.to_string());
            // Now, so that a folder that cannot be written to is told of.
            let mut file = File::create(&path)?;
            load.spawn("writer", move |is_over| {
                if let Err(error) = write(&mut file, is_over) {
                    eprintln!("load: {} is no longer written: {error}", path.display());
                }
            })?;
        }
        Ok(load)
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(&AtomicBool) + Send + 'static,
    ) -> io::Result<()> {
        let is_over = Arc::clone(&self.is_over);
        let thread = thread::Builder::new().name(format!("load-{name}"));
        self.threads.push(thread.spawn(move || work(&is_over))?);
        Ok(())
    }

    #[cfg(test)]
    fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic there has been printed already.
            thread.join().ok();
        }
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        eprintln!("remove {}, which could not be: {error}", folder.display());
    }
}

fn compute(is_over: &AtomicBool) {
    let mut sum = 0_u64;
    while !is_over.load(Ordering::Relaxed) {
        for number in 0..ROUNDS {
            sum = black_box(sum.wrapping_mul(31).wrapping_add(number));
        }
    }
}

fn write(file: &mut File, is_over: &AtomicBool) -> io::Result<()> {
    let bytes = vec![0x5a; WRITE_BYTES];
    while !is_over.load(Ordering::Relaxed) {
        file.rewind()?;
        file.write_all(&bytes)?;
        file.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing of it is left when it is dropped: its threads were waited for, and its files are gone.
    #[test]
    fn a_load_ends_when_it_is_dropped() {
        let name = format!("duroxide-load-test-{}", std::process::id());
        let load = Load::of(2, 2, std::env::temp_dir().join(name)).unwrap();
        let (folder, is_over) = (load.folder().to_owned(), Arc::clone(&load.is_over));
        assert_eq!(load.threads.len(), 4);
        while fs::metadata(folder.join("1")).unwrap().len() < WRITE_BYTES as u64 {
            thread::yield_now();
        }
        assert!(Arc::strong_count(&is_over) > 2);
        drop(load);
        assert_eq!(Arc::strong_count(&is_over), 1, "its threads have ended");
        assert!(!folder.exists());
    }

    #[test]
    fn a_load_that_cannot_write_says_so() {
        let file = std::env::temp_dir().join(format!("duroxide-no-folder-{}", std::process::id()));
        fs::write(&file, "").unwrap();
        assert!(Load::of(0, 1, file.join("below")).is_err());
        fs::remove_file(file).unwrap();
    }
}
