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

/// What the suite has certified, for the modes that are measured.
mod certificates {
    pub(super) const MEMORY: &str = include_str!("../../docs/conformance/memory.json");
    pub(super) const SQLITE: &str =
        include_str!("../../docs/conformance/sqlite-single_process.json");
    pub(super) const SQLITE_SHARED: &str =
        include_str!("../../docs/conformance/sqlite-multi_process.json");
    pub(super) const POSTGRES: &str =
        include_str!("../../docs/conformance/postgres-listening.json");
    pub(super) const REDIS: &str = include_str!("../../docs/conformance/redis-single.json");
    pub(super) const REDIS_CLUSTER: &str =
        include_str!("../../docs/conformance/redis-cluster.json");
}

/// The backend of this name or URL. Servers are started and reached when it is measured. `is_shared` says whether several
/// processes will have it open.
///
/// # Errors
/// Why there is none.
pub(crate) fn target(backend: &str, is_shared: bool) -> Result<Target, String> {
    let (scheme, url) = match backend.split_once(':') {
        Some((scheme, rest)) if !rest.is_empty() => (scheme, Some(backend)),
        Some((scheme, _)) => (scheme, None),
        None => (backend, None),
    };
    let (name, fixture, certificate): (&str, Arc<dyn Fixture>, &str) = match scheme {
        "memory" if url.is_none() => ("memory", Arc::new(MemoryFixture), certificates::MEMORY),
        "memory" => return Err("nothing can follow memory: in a URL".to_owned()),
        "sqlite" if is_shared => (
            "sqlite",
            sqlite(url, is_shared)?,
            certificates::SQLITE_SHARED,
        ),
        "sqlite" => ("sqlite", sqlite(url, is_shared)?, certificates::SQLITE),
        "postgres" | "postgresql" => ("postgres", postgres(url)?, certificates::POSTGRES),
        "redis-cluster" if url.is_none() => (
            "redis-cluster",
            redis_cluster()?,
            certificates::REDIS_CLUSTER,
        ),
        "redis" | "rediss" | "redis+unix" | "valkey" | "valkeys" | "redis+sentinel"
        | "rediss+sentinel" => redis(url)?,
        "dynamodb" => return Err(not_yet("DynamoDB")),
        other => return Err(unknown(other)),
    };
    Ok(Target::new(name, fixture).certified(certificate))
}

#[cfg(feature = "sqlite")]
fn sqlite(url: Option<&str>, is_shared: bool) -> Result<Arc<dyn Fixture>, String> {
    if url.is_some() {
        return Err(
            "a SQLite store is measured in a new folder in the current one: go where it is to be, and say \
             --backend sqlite"
                .to_owned(),
        );
    }
    Ok(Arc::new(SqliteFixture::on_disk(if is_shared {
        SqliteMode::MultiProcess
    } else {
        SqliteMode::SingleProcess
    })))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: Option<&str>, _: bool) -> Result<Arc<dyn Fixture>, String> {
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
fn redis(url: Option<&str>) -> Result<(&'static str, Arc<dyn Fixture>, &'static str), String> {
    let (fixture, is_cluster) = match url {
        Some(url) => (RedisFixture::at_url(url), url.contains(',')),
        None => (RedisFixture::single(), false),
    };
    let fixture = Arc::new(fixture);
    Ok(if is_cluster {
        ("redis-cluster", fixture, certificates::REDIS_CLUSTER)
    } else {
        ("redis", fixture, certificates::REDIS)
    })
}

#[cfg(feature = "redis")]
#[expect(clippy::unnecessary_wraps, reason = "as where it is not built in")]
fn redis_cluster() -> Result<Arc<dyn Fixture>, String> {
    Ok(Arc::new(RedisFixture::cluster()))
}

#[cfg(not(feature = "redis"))]
fn redis_cluster() -> Result<Arc<dyn Fixture>, String> {
    Err(not_built_in("Redis", "redis"))
}

#[cfg(not(feature = "redis"))]
fn redis(_: Option<&str>) -> Result<(&'static str, Arc<dyn Fixture>, &'static str), String> {
    Err(not_built_in("Redis", "redis"))
}
