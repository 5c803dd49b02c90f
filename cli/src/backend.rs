//! The backend that is checked, by its URL. No message repeats the URL, which may hold a password.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::nearest::nearest;
#[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "redis")))]
use crate::scheme::not_built_in;
use crate::scheme::{not_yet, unknown};
use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::Subject;

/// Removes what was made for the suite. A case that ran out of time may leave something behind.
type Removal = Box<dyn FnOnce() -> Result<(), String>>;

/// The backend that is checked, and what is to be removed after that.
pub(crate) struct Backend {
    subject: Subject,
    removal: Option<Removal>,
}

/// Why there is no backend to check.
pub(crate) enum Refused {
    /// The command line asks for something that does not exist.
    Usage(String),
    /// It asks for something that cannot be had here and now.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
    Unavailable(String),
}

impl Backend {
    /// The backend of this URL, in this mode if it has several.
    pub(crate) fn open(url: &str, mode: Option<&str>) -> Result<Self, Refused> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(Refused::Usage(unknown(url)));
        };
        match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlite::open(url, mode),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(Refused::Usage(not_built_in("SQLite", "sqlite"))),
            "memory" if mode.is_some() => Err(usage("memory: has no modes; leave --mode out")),
            "memory" if rest.is_empty() => Ok(Self::of(Subject::new(MemoryFixture))),
            "memory" => Err(usage("nothing can follow memory: in a URL")),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => postgres::open(url, mode),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => Err(Refused::Usage(not_built_in("Postgres", "postgres"))),
            #[cfg(feature = "redis")]
            "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" => redis::open(url, mode),
            #[cfg(not(feature = "redis"))]
            "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" => {
                Err(Refused::Usage(not_built_in("Redis", "redis")))
            }
            "dynamodb" => Err(Refused::Usage(not_yet("DynamoDB"))),
            other => Err(Refused::Usage(unknown(other))),
        }
    }

    /// A backend that leaves nothing behind.
    fn of(subject: Subject) -> Self {
        Self {
            subject,
            removal: None,
        }
    }

    /// Removes this once the suite is over.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
    fn with_removal(mut self, removal: impl FnOnce() -> Result<(), String> + 'static) -> Self {
        self.removal = Some(Box::new(removal));
        self
    }

    /// What the suite is given.
    pub(crate) fn subject(&self) -> Subject {
        self.subject.clone()
    }

    /// Removes what is left of the suite.
    pub(crate) fn close(self) -> Result<(), String> {
        self.removal.map_or(Ok(()), |remove| remove())
    }
}

fn usage(wrong: &str) -> Refused {
    Refused::Usage(wrong.to_owned())
}

/// The backend of this scheme has no such mode, which may be a password in the wrong place.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn unknown_mode(scheme: &str, mode: &str, modes: &'static [&'static str]) -> Refused {
    let hint = nearest(mode, modes).map_or(String::new(), |it| format!("; did you mean {it}?"));
    let (last, others) = modes.split_last().unwrap_or((&"none", &[]));
    let others = others.join(", ");
    usage(&format!(
        "the modes of {scheme}: are {others} and {last}{hint}"
    ))
}
