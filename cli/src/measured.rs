//! The backends that are measured, by name or by URL. No message repeats a URL, which may hold a password.

use std::sync::Arc;

use duroxide_memory::conformance::MemoryFixture;
#[cfg(feature = "postgres")]
use duroxide_postgres::conformance::PostgresFixture;
use duroxide_provider_tests::Fixture;
#[cfg(feature = "redis")]
use duroxide_redis::conformance::RedisFixture;
#[cfg(feature = "sqlite")]
use duroxide_sqlite::{SqliteMode, conformance::SqliteFixture};
use duroxide_stress::Target;

#[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "redis")))]
use crate::scheme::not_built_in;
use crate::scheme::{not_yet, unknown};

/// The backend of this name or URL. Servers are started and reached when it is measured.
///
/// # Errors
/// Why there is none.
pub(crate) fn target(backend: &str) -> Result<Target, String> {
    let (scheme, url) = match backend.split_once(':') {
        Some((scheme, rest)) if !rest.is_empty() => (scheme, Some(backend)),
        Some((scheme, _)) => (scheme, None),
        None => (backend, None),
    };
    let (name, fixture): (&str, Arc<dyn Fixture>) = match scheme {
        "memory" if url.is_none() => ("memory", Arc::new(MemoryFixture)),
        "memory" => return Err("nothing can follow memory: in a URL".to_owned()),
        "sqlite" => ("sqlite", sqlite(url)?),
        "postgres" | "postgresql" => ("postgres", postgres(url)?),
        "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" => ("redis", redis(url)?),
        "dynamodb" => return Err(not_yet("DynamoDB")),
        other => return Err(unknown(other)),
    };
    Ok(Target::new(name, fixture))
}

#[cfg(feature = "sqlite")]
fn sqlite(url: Option<&str>) -> Result<Arc<dyn Fixture>, String> {
    if url.is_some() {
        return Err(
            "a SQLite store is measured in a new folder in the current one: go where it is to be, and say \
             --backend sqlite"
                .to_owned(),
        );
    }
    Ok(Arc::new(SqliteFixture::on_disk(SqliteMode::SingleProcess)))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: Option<&str>) -> Result<Arc<dyn Fixture>, String> {
    Err(not_built_in("SQLite", "sqlite"))
}

#[cfg(feature = "postgres")]
fn postgres(url: Option<&str>) -> Result<Arc<dyn Fixture>, String> {
    let fixture = PostgresFixture::listening();
    Ok(Arc::new(match url {
        Some(url) => fixture.at(url),
        None => fixture,
    }))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: Option<&str>) -> Result<Arc<dyn Fixture>, String> {
    Err(not_built_in("Postgres", "postgres"))
}

#[cfg(feature = "redis")]
fn redis(url: Option<&str>) -> Result<Arc<dyn Fixture>, String> {
    Ok(Arc::new(match url {
        Some(url) => RedisFixture::at_url(url),
        None => RedisFixture::single(),
    }))
}

#[cfg(not(feature = "redis"))]
fn redis(_: Option<&str>) -> Result<Arc<dyn Fixture>, String> {
    Err(not_built_in("Redis", "redis"))
}
