//! Where a database is.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use duroxide_core::providers::ProviderError;

use crate::error::config;
use crate::network;

/// Where a database is, and whether it may be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Memory,
    File { path: PathBuf, may_create: bool },
}

impl Location {
    /// Reads `sqlite:<path>`, `sqlite://<path>`, `sqlite::memory:` with an optional `?mode=`, or a
    /// plain path.
    pub(crate) fn parse(url: &str) -> Result<Self, ProviderError> {
        let Some(rest) = url.strip_prefix("sqlite:") else {
            return Self::of_path(url, true);
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut may_create = true;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter {
                "mode=rwc" => may_create = true,
                "mode=rw" => may_create = false,
                "mode=memory" => return Ok(Self::Memory),
                _ => {
                    // It is not repeated: it may be a key, mistyped or for another program.
                    return Err(config(
                        "the database url has a parameter that is not supported; leave out all \
                         but `mode=rwc`, `mode=rw` or `mode=memory`",
                    ));
                }
            }
        }
        Self::of_path(path, may_create)
    }

    fn of_path(path: &str, may_create: bool) -> Result<Self, ProviderError> {
        match path {
            "" => Err(config(
                "the database url names no file; use `sqlite:<path>` or `sqlite::memory:`",
            )),
            ":memory:" => Ok(Self::Memory),
            path => Ok(Self::File {
                path: PathBuf::from(path),
                may_create,
            }),
        }
    }

    /// The same place by its real name, so that everybody who opens it finds the same lock.
    pub(crate) fn resolve(self) -> Result<Self, ProviderError> {
        let Self::File { path, may_create } = self else {
            return Ok(self);
        };
        if let Ok(path) = path.canonicalize() {
            return Ok(Self::File { path, may_create });
        }
        if !may_create {
            return Err(config(format!(
                "there is no database `{}`; create it, or use `mode=rwc`",
                path.display()
            )));
        }
        let directory = match path.parent() {
            Some(directory) if directory != Path::new("") => directory,
            _ => Path::new("."),
        };
        let real_directory = directory.canonicalize().map_err(|cause| {
            let directory = directory.display();
            config(if cause.kind() == ErrorKind::NotFound {
                format!("the directory `{directory}` of the database does not exist; create it")
            } else {
                format!(
                    "the directory `{directory}` of the database cannot be reached; check the path \
                     and the rights to it"
                )
            })
            .with_source(cause)
        })?;
        let name = path.file_name().ok_or_else(|| {
            config(format!(
                "the path `{}` names no file; add the name of the database",
                path.display()
            ))
        })?;
        Ok(Self::File {
            path: real_directory.join(name),
            may_create,
        })
    }

    /// Refuses a place on another machine, where neither the log nor the locks can be trusted.
    pub(crate) fn check_local(&self) -> Result<(), ProviderError> {
        match self.path().and_then(network::file_system) {
            Some(name) => Err(config(format!(
                "the database is on a network file system ({name}), where SQLite's log and locks \
                 do not hold; use a local disk"
            ))),
            None => Ok(()),
        }
    }

    /// The file, unless the database is in memory.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Memory => None,
            Self::File { path, .. } => Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use duroxide_core::providers::ErrorKind;

    use super::*;

    #[test]
    fn every_form_of_a_url_is_understood() {
        for (url, expected) in [
            ("sqlite:./data.db", "./data.db"),
            ("sqlite:data.db?mode=rwc", "data.db"),
            ("sqlite:///abs/path", "/abs/path"),
            ("sqlite:/abs/path", "/abs/path"),
            ("sqlite://data.db", "data.db"),
            ("plain?path", "plain?path"),
        ] {
            let location = Location::parse(url).unwrap();
            assert_eq!(location.path(), Some(Path::new(expected)), "{url}");
        }
        for url in [
            "sqlite::memory:",
            "sqlite://:memory:",
            ":memory:",
            "sqlite:x?mode=memory",
        ] {
            assert_eq!(Location::parse(url).unwrap(), Location::Memory, "{url}");
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused() {
        for url in ["sqlite:a?mode=ro", "sqlite:a?cache=shared", "sqlite:"] {
            let error = Location::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_what_may_be_a_secret() {
        let long = format!("sqlite:a?{}=1", "hunter2".repeat(100));
        for url in [
            "sqlite:a?hunter2",
            "sqlite:a?key=hunter2",
            "sqlite:a?mode=hunter2",
            &long,
        ] {
            let error = Location::parse(url).unwrap_err();
            assert!(!error.message().contains("hunter2"), "{error}");
        }
    }
}
