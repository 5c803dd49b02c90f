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
/// # Errors
/// [`ErrorKind::Config`] if no compiled backend has that scheme, with what to do about it; other
/// errors are those of opening the store. No error repeats the URL, which may hold a password.
pub async fn connect(url: &str) -> Result<Arc<dyn Provider>, ProviderError> {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(unknown_scheme());
    };
    match scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(MemoryProvider::new())),
        "memory" => Err(config(
            "nothing can follow memory: in a URL, since each call opens a new and empty store; to \
             share one, share the provider",
        )),
        "sqlite" => sqlite(url).await,
        "postgres" | "postgresql" => postgres(url).await,
        "redis" | "rediss" => Err(not_yet("Redis")),
        "dynamodb" => Err(not_yet("DynamoDB")),
        _ => Err(unknown_scheme()),
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

#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn not_built_in(backend: &str, feature: &str) -> ProviderError {
    config(format!(
        "this program was built without the {backend} backend; add the feature \"{feature}\" to \
         duroxide in Cargo.toml, or run an example with --features {feature}"
    ))
}

/// What a program that was built like this one can open.
const BUILT_IN: &str = if cfg!(all(feature = "sqlite", feature = "postgres")) {
    "memory:, sqlite:PATH or postgres://HOST/DATABASE"
} else if cfg!(feature = "sqlite") {
    "memory: or sqlite:PATH"
} else if cfg!(feature = "postgres") {
    "memory: or postgres://HOST/DATABASE"
} else {
    "memory:"
};

fn not_yet(backend: &str) -> ProviderError {
    config(format!(
        "the {backend} backend is not in this version of duroxide; use {BUILT_IN}"
    ))
}

fn unknown_scheme() -> ProviderError {
    config(format!(
        "there is no such backend; this program was built with {BUILT_IN}"
    ))
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

    #[cfg(feature = "postgres")]
    #[tokio::test]
    async fn a_server_that_cannot_be_reached_is_unavailable_and_its_password_is_not_repeated() {
        // Taken and given back, so that nobody listens there.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
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
    async fn what_cannot_be_opened_is_refused_without_repeating_the_url() {
        for scheme in ["redis", "rediss", "dynamodb"] {
            let url = format!("{scheme}://user:hunter2@host/db");
            refused(&url, "not in this version").await;
        }
        for url in [
            "mysql://user:hunter2@host/db",
            "hunter2",
            "",
            "://hunter2",
            ":",
        ] {
            refused(url, &format!("built with {BUILT_IN}")).await;
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
