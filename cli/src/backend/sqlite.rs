//! SQLite: databases in a folder beside the one that the URL names.

use std::path::Path;
use std::{fs, io};

use duroxide_provider_tests::Subject;
use duroxide_sqlite::SqliteMode;
use duroxide_sqlite::conformance::{SqliteFixture, path_of};
use tempfile::TempDir;

use super::{Backend, Refused, unknown_mode, usage};
use crate::interrupt::when_interrupted;

/// Cases that were interrupted, or took too long, go on meanwhile and make new files, so that one try may
/// not be enough.
const REMOVALS_MAX: usize = 20;

/// Databases in a new folder beside the one that the URL names, so that they are on the same file
/// system.
pub(super) fn open(url: &str, mode: Option<&str>) -> Result<Backend, Refused> {
    let place = path_of(url).map_err(|_| {
        // The provider's words would repeat a part of the URL.
        usage("the URL of a SQLite database is sqlite:PATH or sqlite::memory:")
    })?;
    let Some(path) = place else {
        return match mode {
            Some(_) => Err(usage("a database in memory has no modes; leave --mode out")),
            None => Ok(Backend::of(Subject::new(SqliteFixture::in_memory()))),
        };
    };
    let mode = match mode {
        None | Some("single_process") => SqliteMode::SingleProcess,
        Some("multi_process") => SqliteMode::MultiProcess,
        Some(other) => {
            let modes = &["single_process", "multi_process"];
            return Err(unknown_mode("sqlite", other, modes));
        }
    };
    let beside = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = folder_in(beside).map_err(|error| {
        let beside = beside.display();
        Refused::Unavailable(if error.kind() == io::ErrorKind::NotFound {
            format!("the folder {beside} does not exist; create it, or name another one")
        } else {
            let why = error.kind();
            format!("no folder for databases can be made in {beside}: {why}; see the rights to it")
        })
    })?;
    let fixture = SqliteFixture::on_disk(mode).below(folder.path());
    Ok(Backend::of(Subject::new(fixture)).with_removal(move || {
        let path = folder.keep();
        remove(&path)
            .map_err(|error| format!("remove {}, which could not be: {error}", path.display()))
    }))
}

/// A new folder, which goes away as well when somebody interrupts the run.
fn folder_in(place: &Path) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("duroxide-conformance-")
        .tempdir_in(place)?;
    let path = folder.path().to_owned();
    // Somebody who interrupts waits for no explanation; the folder's name says whose it is.
    when_interrupted(move |_| remove(&path).unwrap_or_default())?;
    Ok(folder)
}

/// Removes the folder with all that is in it.
fn remove(folder: &Path) -> io::Result<()> {
    let mut removed = Ok(());
    for _ in 0..REMOVALS_MAX {
        removed = fs::remove_dir_all(folder);
        if !folder.exists() {
            return Ok(());
        }
    }
    removed
}
