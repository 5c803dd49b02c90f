//! The backend that is checked, by its URL. No message repeats the URL, which may hold a password.

#[cfg(feature = "sqlite")]
use std::{io, path::Path};

use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::Subject;
#[cfg(feature = "sqlite")]
use duroxide_sqlite::{SqliteMode, conformance::SqliteFixture};
#[cfg(feature = "sqlite")]
use tempfile::TempDir;

#[cfg(feature = "sqlite")]
use crate::interrupt::remove_when_interrupted;

/// Every scheme that duroxide knows.
const SCHEMES: &[&str] = &[
    "memory",
    "sqlite",
    "postgres",
    "postgresql",
    "redis",
    "rediss",
    "dynamodb",
];
/// Schemes less alike than this are not what was meant.
const LIKENESS_MIN: f64 = 0.7;

/// The backend that is checked, and the folder in which it makes its stores.
pub(crate) struct Backend {
    subject: Subject,
    #[cfg(feature = "sqlite")]
    folder: Option<TempDir>,
}

/// Why there is no backend to check.
pub(crate) enum Refused {
    /// The command line asks for something that does not exist.
    Usage(String),
    /// It asks for something that cannot be had here and now.
    #[cfg(feature = "sqlite")]
    Unavailable(String),
}

impl Backend {
    /// The backend of this URL, in this mode if it has several.
    pub(crate) fn open(url: &str, mode: Option<&str>) -> Result<Self, Refused> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(usage(&unknown(url)));
        };
        match scheme {
            "sqlite" => sqlite(url, mode),
            "memory" if mode.is_some() => Err(usage("memory: has no modes; leave --mode out")),
            "memory" if rest.is_empty() => Ok(Self {
                subject: Subject::new(MemoryFixture),
                #[cfg(feature = "sqlite")]
                folder: None,
            }),
            "memory" => Err(usage("nothing can follow memory: in a URL")),
            "postgres" | "postgresql" => Err(not_yet("Postgres")),
            "redis" | "rediss" => Err(not_yet("Redis")),
            "dynamodb" => Err(not_yet("DynamoDB")),
            other => Err(usage(&unknown(other))),
        }
    }

    /// What the suite is given.
    pub(crate) fn subject(&self) -> Subject {
        self.subject.clone()
    }

    /// Removes the folder, if there is one.
    #[cfg(feature = "sqlite")]
    pub(crate) fn close(self) -> Result<(), String> {
        let Some(folder) = self.folder else {
            return Ok(());
        };
        let path = folder.path().to_owned();
        folder
            .close()
            .map_err(|error| format!("remove {}, which could not be: {error}", path.display()))
    }

    /// There is nothing to remove.
    #[cfg(not(feature = "sqlite"))]
    #[expect(
        clippy::unnecessary_wraps,
        reason = "it can fail with the feature `sqlite`"
    )]
    pub(crate) fn close(self) -> Result<(), String> {
        Ok(())
    }
}

/// Databases in a new folder beside the one that the URL names, so that they are on the same file
/// system.
#[cfg(feature = "sqlite")]
fn sqlite(url: &str, mode: Option<&str>) -> Result<Backend, Refused> {
    let place = duroxide_sqlite::conformance::path_of(url).map_err(|_| {
        // The provider's words would repeat a part of the URL.
        usage("the URL of a SQLite database is sqlite:PATH or sqlite::memory:")
    })?;
    let Some(path) = place else {
        return match mode {
            Some(_) => Err(usage("a database in memory has no modes; leave --mode out")),
            None => Ok(Backend {
                subject: Subject::new(SqliteFixture::in_memory()),
                folder: None,
            }),
        };
    };
    let mode = match mode {
        None | Some("single_process") => SqliteMode::SingleProcess,
        Some("multi_process") => SqliteMode::MultiProcess,
        Some(_) => {
            return Err(usage(
                "the modes of sqlite: are single_process and multi_process",
            ));
        }
    };
    let beside = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = folder_in(beside).map_err(|error| {
        Refused::Unavailable(format!(
            "no folder for databases can be made in {}: {}",
            beside.display(),
            error.kind()
        ))
    })?;
    Ok(Backend {
        subject: Subject::new(SqliteFixture::on_disk(mode).below(folder.path())),
        folder: Some(folder),
    })
}

/// A new folder, which goes away as well when somebody interrupts the run.
#[cfg(feature = "sqlite")]
fn folder_in(place: &Path) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("duroxide-conformance-")
        .tempdir_in(place)?;
    remove_when_interrupted(folder.path())?;
    Ok(folder)
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_url: &str, _mode: Option<&str>) -> Result<Backend, Refused> {
    Err(usage(
        "this program was built without the SQLite backend; build it with --features sqlite",
    ))
}

fn not_yet(backend: &str) -> Refused {
    usage(&format!(
        "the {backend} backend is not in this version of duroxide; use memory: or sqlite:PATH"
    ))
}

fn unknown(scheme: &str) -> String {
    let rated = SCHEMES
        .iter()
        .map(|known| (strsim::jaro_winkler(scheme, known), known));
    let near = rated
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = near.map_or(String::new(), |(_, known)| {
        format!("; did you mean {known}:?")
    });
    format!(
        "the URL does not begin with a scheme that duroxide knows, memory: or sqlite:PATH{hint}"
    )
}

fn usage(wrong: &str) -> Refused {
    Refused::Usage(wrong.to_owned())
}
