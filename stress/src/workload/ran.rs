//! How often activities ran.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the files begin with in which processes note each activity.
const PREFIX: &str = "ran-";

/// Counts how often activities ran: in memory, or in a file, which outlives a process that is killed.
#[derive(Debug, Clone)]
pub(crate) enum Ran {
    /// In this process.
    Here(Arc<AtomicU64>),
    /// In a file of this process: a byte for each.
    InFile(Arc<File>),
    /// In the files of other processes in this folder.
    InFolder(PathBuf),
}

impl Ran {
    pub(crate) fn here() -> Self {
        Self::Here(Arc::default())
    }

    /// Notes activities in a file of this process in a folder.
    pub(crate) fn in_file(folder: &Path) -> io::Result<Self> {
        let file = folder.join(format!("{PREFIX}{}", std::process::id()));
        let file = OpenOptions::new().append(true).create(true).open(file)?;
        Ok(Self::InFile(Arc::new(file)))
    }

    /// Notes that one has run.
    pub(crate) fn once(&self) {
        match self {
            Self::Here(count) => {
                count.fetch_add(1, Ordering::Relaxed);
            }
            // An activity that cannot be noted is found missing.
            Self::InFile(file) => file.as_ref().write_all(b".").unwrap_or_default(),
            Self::InFolder(_) => {}
        }
    }

    pub(crate) fn count(&self) -> io::Result<u64> {
        match self {
            Self::Here(count) => Ok(count.load(Ordering::Relaxed)),
            Self::InFile(file) => Ok(file.metadata()?.len()),
            Self::InFolder(folder) => {
                let mut count = 0;
                for entry in fs::read_dir(folder)? {
                    let entry = entry?;
                    if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                        count += entry.metadata()?.len();
                    }
                }
                Ok(count)
            }
        }
    }
}
