//! The SQLite provider on a disk that fails.
//!
//! It is a workspace of its own, since building its file system for SQLite needs libclang, which
//! nobody else should have to install.

use std::path::{Path, PathBuf};

use crate::servers::install;
use crate::steps::Steps;

const MANIFEST: &str = "torture/sqlite-faults/Cargo.toml";
const PACKAGES: &[&str] = &["libclang-dev"];

/// Loses power at many moments and lets the disk fail at many places; `--short` and `--seed` are
/// among the arguments.
pub(crate) fn run(steps: &mut Steps, no_install: bool, arguments: &[&str]) {
    if let Err(why) = ensure_libclang(no_install) {
        return steps.not_run("storage faults of SQLite", &why);
    }
    let build = [
        "run",
        "--quiet",
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--",
    ];
    let arguments = [&build[..], arguments].concat();
    if !steps.cargo("storage faults of SQLite", &arguments, &[]) {
        println!(
            "to repeat it, give the printed seed: cargo {}",
            arguments.join(" ")
        );
    }
}

/// Has what the file system for SQLite is built with installed, if it is not there.
pub(crate) fn ensure_libclang(no_install: bool) -> Result<(), String> {
    install::ensure("libclang", is_libclang_there, PACKAGES, no_install)
}

/// Whether the library is where those look for it who link to it.
fn is_libclang_there() -> bool {
    let mut folders: Vec<PathBuf> = std::env::var_os("LIBCLANG_PATH")
        .into_iter()
        .map(PathBuf::from)
        .collect();
    for parent in ["/usr/lib", "/usr/local/lib"] {
        folders.push(parent.into());
        for entry in entries(Path::new(parent)) {
            folders.push(entry.join("lib"));
            folders.push(entry);
        }
    }
    let mut files = folders.iter().flat_map(|folder| entries(folder));
    files.any(|file| {
        let name = file.file_name().map(|name| name.to_string_lossy());
        // The name with a version behind it belongs to those who were linked before.
        name.is_some_and(|name| name.starts_with("libclang") && name.ends_with(".so"))
    })
}

/// What is in a folder; nothing if there is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten();
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect()
}
