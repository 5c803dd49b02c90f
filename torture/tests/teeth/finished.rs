//! What a run left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_duroxide-torture");

/// A run that passed, and whose store and ledger were kept.
pub(crate) struct Finished {
    _parent: TempDir,
    folder: PathBuf,
}

/// A copy of both, to damage.
pub(crate) struct Copied {
    folder: TempDir,
}

impl Finished {
    pub(crate) fn run() -> Self {
        let parent = TempDir::new().unwrap();
        let run = Command::new(PROGRAM)
            .args(["kill", "--short", "--seed", "1", "--keep"])
            .env("TMPDIR", parent.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{run:?}");
        let mut kept = fs::read_dir(parent.path()).unwrap();
        let folder = kept.next().unwrap().unwrap().path();
        Self {
            _parent: parent,
            folder,
        }
    }

    pub(crate) fn copy(&self) -> Copied {
        let folder = TempDir::new().unwrap();
        for file in fs::read_dir(&self.folder).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        Copied { folder }
    }
}

impl Copied {
    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.txt")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("conformance.db")
    }

    /// What the check says if it fails.
    pub(crate) fn check(&self) -> Result<(), String> {
        let folder: &Path = self.folder.path();
        let check = Command::new(PROGRAM)
            .args(["check", "single_process"])
            .arg(folder)
            .output()
            .unwrap();
        match check.status.code() {
            Some(0) => Ok(()),
            Some(1) => Err(String::from_utf8(check.stderr).unwrap()),
            _ => panic!("{check:?}"),
        }
    }
}
