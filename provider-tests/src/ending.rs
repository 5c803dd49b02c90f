//! How processes end, and the store as one that was killed leaves it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

/// How a process ended, as far as its store can tell. A later one is harder to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// Its handle was dropped, unclosed: destructors ran, and what they flush was flushed.
    HandleDropped,
    /// It was killed: nothing of it ran any more, and the operating system kept what it had.
    ProcessKilled,
    /// The machine lost its power: what was not flushed to the disk was lost.
    PowerCut,
}

impl Ending {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HandleDropped => "handle_dropped",
            Self::ProcessKilled => "process_killed",
            Self::PowerCut => "power_cut",
        }
    }
}

/// The endings that a subject's stores went through, shared by its clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endings(Arc<Mutex<BTreeSet<Ending>>>);

impl Endings {
    pub(crate) fn note(&self, ending: Ending) {
        self.0.lock().insert(ending);
    }

    pub(crate) fn seen(&self) -> Vec<Ending> {
        self.0.lock().iter().copied().collect()
    }
}

/// How often the files are read at most until nobody has changed them meanwhile.
const READS_MAX: usize = 10_000;

/// Copies the files of a folder as a process that is killed at this moment leaves them, while it has
/// them open: for [`Store::crash`](crate::Store::crash).
///
/// Whoever still writes, a thread in the background for example, is waited for: the copy is of one
/// moment. What a process has not given to the operating system is not in it.
///
/// # Errors
/// When a file cannot be read or written, or is never still.
pub fn copy_as_killed(from: &Path, to: &Path) -> io::Result<()> {
    let mut before = read(from);
    for _ in 0..READS_MAX {
        let now = read(from);
        match (before, now) {
            (Ok(before), Ok(now)) if before == now => return write(to, &now),
            // A file that is gone since its folder was listed was being removed.
            (_, Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            (_, now) => before = now,
        }
    }
    let place = from.display();
    Err(io::Error::other(format!(
        "the files in {place} do not stand still although no call is under way"
    )))
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Every file below a folder, by its path from there.
fn read(folder: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                files.insert(path, fs::read(entry.path())?);
            }
        }
    }
    Ok(files)
}

fn write(folder: &Path, files: &Files) -> io::Result<()> {
    for (path, contents) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, contents)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_was_written_and_not_what_was_kept_back() {
        use std::io::{BufWriter, Write as _};
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("log")).unwrap();
        fs::write(from.path().join("log/1"), "flushed").unwrap();
        let file = fs::File::create(from.path().join("data")).unwrap();
        let mut buffered = BufWriter::new(file);
        buffered.write_all(b"only in memory").unwrap();

        copy_as_killed(from.path(), to.path()).unwrap();
        drop(buffered);

        let read = |file: &str| fs::read_to_string(to.path().join(file)).unwrap();
        assert_eq!(read("log/1"), "flushed");
        assert_eq!(read("data"), "");
        let late = fs::read_to_string(from.path().join("data")).unwrap();
        assert_eq!(late, "only in memory", "a destructor wrote it");
    }
}
