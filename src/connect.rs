//! The choice of a backend by URL.

use std::sync::Arc;

use duroxide_core::providers::{ErrorKind, Provider, ProviderError};
use duroxide_memory::MemoryProvider;

/// Opens the store that a URL names.
///
/// | URL | store |
/// |---|---|
/// | `memory:` | a new and empty one in this process |
/// | `sqlite:PATH` | a SQLite file, created if there is none; needs the feature `sqlite` |
/// | `postgres://USER:PASSWORD@HOST:PORT/DATABASE` | the schema `duroxide` of a PostgreSQL database, created if there is none; `postgresql://` is the same; needs the feature `postgres` |
/// | `redis://USER:PASSWORD@HOST:PORT/DATABASE` | the keys of a Redis or Valkey server that begin with `{duroxide:`; `rediss://` is the same by TLS; a list of `HOST:PORT` is a Cluster, `redis+sentinel://HOST,HOST/NAME` the primary that these sentinels know, and `redis+unix://` a socket; `valkey://` is `redis://`; needs the feature `redis` |
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), duroxide::providers::ProviderError> {
/// let store = duroxide::providers::connect("memory:").await?;
/// assert_eq!(store.about().name, "memory");
/// # Ok(())
/// # }
/// ```
///
/// The case of the letters in front of the colon says nothing.
///
/// # Errors
/// [`ErrorKind::Config`] if no compiled backend has that scheme, with what to do about it; other
/// errors are those of opening the store. No error repeats the URL, which may hold a password.
pub async fn connect(url: &str) -> Result<Arc<dyn Provider>, ProviderError> {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(unknown_scheme(url));
    };
    // The case of its letters says nothing (RFC 3986).
    let scheme = scheme.to_ascii_lowercase();
    let url = format!("{scheme}:{rest}");
    match &*scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(MemoryProvider::new())),
        "memory" => Err(config(
            "nothing can follow memory: in a URL, since each call opens a new and empty store; to \
             share one, share the provider",
        )),
        "sqlite" => sqlite(&url).await,
        "postgres" | "postgresql" => postgres(&url).await,
        "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" | "redis+unix" | "valkey"
        | "valkeys" => redis(&url).await,
        "dynamodb" => Err(not_yet("DynamoDB")),
        _ => Err(unknown_scheme(&scheme)),
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str) -> Result<Arc<dyn Provider>, ProviderError> {
    Ok(Arc::new(
        duroxide_sqlite::SqliteProvider::new(url, None).await?,
    ))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_url: &str) -> std::future::Ready<Result<Arc<dyn Provider>, ProviderError>> {
    std::future::ready(Err(not_built_in("SQLite", "sqlite")))
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str) -> Result<Arc<dyn Provider>, ProviderError> {
    Ok(Arc::new(
        duroxide_postgres::PostgresProvider::new(url, None).await?,
    ))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_url: &str) -> std::future::Ready<Result<Arc<dyn Provider>, ProviderError>> {
    std::future::ready(Err(not_built_in("Postgres", "postgres")))
}

#[cfg(feature = "redis")]
async fn redis(url: &str) -> Result<Arc<dyn Provider>, ProviderError> {
    Ok(Arc::new(
        duroxide_redis::RedisProvider::new(url, None).await?,
    ))
}

#[cfg(not(feature = "redis"))]
fn redis(_url: &str) -> std::future::Ready<Result<Arc<dyn Provider>, ProviderError>> {
    std::future::ready(Err(not_built_in("Redis", "redis")))
}

#[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "redis")))]
fn not_built_in(backend: &str, feature: &str) -> ProviderError {
    config(format!(
        "this program was built without the {backend} backend; add the feature \"{feature}\" to \
         duroxide in Cargo.toml, or run an example with --features {feature}"
    ))
}

/// What a program that was built like this one can open.
fn built_in() -> String {
    let mut urls = vec!["memory:"];
    if cfg!(feature = "sqlite") {
        urls.push("sqlite:PATH");
    }
    if cfg!(feature = "postgres") {
        urls.push("postgres://HOST/DATABASE");
    }
    if cfg!(feature = "redis") {
        urls.extend(["redis://HOST", "redis+sentinel://HOST/NAME"]);
    }
    match urls.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => urls.concat(),
    }
}

fn not_yet(backend: &str) -> ProviderError {
    let built_in = built_in();
    config(format!(
        "the {backend} backend is not in this version of duroxide; use {built_in}"
    ))
}

/// The schemes, as they begin a URL.
const SCHEMES: [&str; 11] = [
    "memory:",
    "sqlite:",
    "postgres://",
    "postgresql://",
    "redis://",
    "rediss://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "redis+unix://",
    "valkey://",
    "valkeys://",
];

/// By how many letters a scheme that was mistyped differs from the right one.
const SLIP_LETTERS_MAX: usize = 2;

/// What is said of it repeats none of it.
fn unknown_scheme(scheme: &str) -> ProviderError {
    let hint = slip_of(scheme).map_or(String::new(), |it| format!("; did you mean {it}?"));
    let built_in = built_in();
    config(format!(
        "there is no such backend; this program was built with {built_in}{hint}"
    ))
}

/// The scheme that somebody meant to type. It begins as what was typed, and most of it is the same.
fn slip_of(scheme: &str) -> Option<&'static str> {
    let names = SCHEMES
        .into_iter()
        .map(|it| (it, it.trim_end_matches([':', '/'])));
    let near = names.filter_map(|(known, name)| {
        let letters = distance(scheme, name);
        let is_slip = letters <= SLIP_LETTERS_MAX.min(name.len() / 3)
            && name.chars().next() == scheme.chars().next();
        is_slip.then_some((letters, known))
    });
    near.min_by_key(|(letters, _)| *letters)
        .map(|(_, known)| known)
}

/// How many letters must be added, left out or replaced.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (above, its) in row.iter_mut().skip(1).zip(other.chars()) {
            let replaced = diagonal + usize::from(its != letter);
            diagonal = *above;
            left = replaced.min(left + 1).min(diagonal + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn config(message: impl Into<std::borrow::Cow<'static, str>>) -> ProviderError {
    ProviderError::new(ErrorKind::Config, "connect", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_memory_url_is_a_store_of_its_own() {
        let first = connect("memory:").await.unwrap();
        let second = connect("memory:").await.unwrap();
        assert_eq!(first.about().name, "memory");
        assert!(!Arc::ptr_eq(&first, &second));
        refused("memory:shared", "share the provider").await;
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn a_sqlite_url_creates_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = connect(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        assert_eq!(store.about().name, "sqlite");
        assert!(path.exists());
        store.close().await;
    }

    #[cfg(not(feature = "sqlite"))]
    #[tokio::test]
    async fn sqlite_that_is_not_built_in_names_its_feature() {
        refused("sqlite:./data.db", "feature \"sqlite\"").await;
    }

    #[cfg(not(feature = "postgres"))]
    #[tokio::test]
    async fn postgres_that_is_not_built_in_names_its_feature() {
        for scheme in ["postgres", "postgresql"] {
            let url = format!("{scheme}://user:hunter2@host/db");
            refused(&url, "feature \"postgres\"").await;
        }
    }

    #[cfg(not(feature = "redis"))]
    #[tokio::test]
    async fn redis_that_is_not_built_in_names_its_feature() {
        for scheme in ["redis", "rediss", "valkey", "valkeys"] {
            let url = format!("{scheme}://user:hunter2@host/0");
            refused(&url, "feature \"redis\"").await;
        }
    }

    #[cfg(feature = "redis")]
    #[tokio::test]
    async fn a_redis_that_cannot_be_reached_is_unavailable_and_its_password_is_not_repeated() {
        let address = nobody();
        for scheme in ["redis", "rediss", "valkey", "valkeys"] {
            let url = format!("{scheme}://user:hunter2@{address}/0");
            let error = connect(&url).await.expect_err(&url);
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            holds_no_password(&error);
        }
        refused("redis:hunter2", "redis://").await;
        refused("redis://user:hunter2@host:port/0", "percent-encoded").await;
    }

    /// An address where nobody listens: it is taken and given back.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    fn nobody() -> std::net::SocketAddr {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        nobody.local_addr().unwrap()
    }

    #[cfg(feature = "postgres")]
    #[tokio::test]
    async fn a_server_that_cannot_be_reached_is_unavailable_and_its_password_is_not_repeated() {
        let address = nobody();
        for scheme in ["postgres", "postgresql"] {
            let url = format!("{scheme}://user:hunter2@{address}/db");
            let error = connect(&url).await.expect_err(&url);
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.message().contains("cannot be reached"), "{error}");
            holds_no_password(&error);
        }
        refused("postgres:hunter2", "postgres://").await;
        refused("postgres://user:hunter2@host:port/db", "percent-encoded").await;
    }

    #[tokio::test]
    async fn a_scheme_that_was_mistyped_is_recognised() {
        for (url, means) in [
            (
                "redis+sentinal://user:hunter2@host/main",
                "redis+sentinel://",
            ),
            (
                "redis-sentinel://user:hunter2@host/main",
                "redis+sentinel://",
            ),
            (
                "Rediss-Sentinel://user:hunter2@host/main",
                "rediss+sentinel://",
            ),
            ("reddis://user:hunter2@host", "redis://"),
            ("postgre://user:hunter2@host/db", "postgres://"),
            ("sqlit:hunter2.db", "sqlite:"),
            ("memory", "memory:"),
        ] {
            refused(url, &format!("did you mean {means}?")).await;
        }
        let error = connect("mysql://user:hunter2@host").await.unwrap_err();
        assert!(!error.message().contains("did you mean"), "{error}");
    }

    #[tokio::test]
    async fn the_case_of_a_scheme_says_nothing() {
        assert_eq!(connect("Memory:").await.unwrap().about().name, "memory");
        let error = connect("DynamoDB://hunter2@host").await.unwrap_err();
        assert!(error.message().contains("not in this version"), "{error}");
        #[cfg(feature = "redis")]
        refused("Redis+Sentinel://:hunter2@host", "/NAME").await;
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_refused_without_repeating_the_url() {
        refused("dynamodb://user:hunter2@host/db", "not in this version").await;
        for url in [
            "mysql://user:hunter2@host/db",
            "hunter2",
            "",
            "://hunter2",
            ":",
        ] {
            refused(url, &format!("built with {}", built_in())).await;
        }
    }

    async fn refused(url: &str, says: &str) {
        let error = connect(url).await.expect_err(url);
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.message().contains(says), "{url}: {error}");
        holds_no_password(&error);
    }

    /// Neither the error nor what caused it says it.
    fn holds_no_password(error: &ProviderError) {
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hunter2"), "{text}");
            cause = error.source();
        }
    }
}
