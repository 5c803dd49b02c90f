//! The servers to measure, and a place on one of them for one workload.

#[cfg(not(all(feature = "postgres", feature = "redis")))]
mod not_built_in;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;

use std::sync::Arc;

use async_trait::async_trait;
use duroxide::providers::Provider;

#[cfg(not(feature = "postgres"))]
use self::not_built_in as postgres;
#[cfg(not(feature = "redis"))]
use self::not_built_in as redis;
use super::Failure;
use super::meter::Counts;
use super::stage::Backend;

/// A place on a server that nobody else has, and a connection beside it that counts.
#[async_trait]
pub(crate) trait Server: Send + Sync {
    /// Where the server is.
    fn url(&self) -> &str;

    /// What tells the place from others: the name of a schema, or a prefix of keys.
    fn place(&self) -> &str;

    /// What the server was asked for by anybody, but for asking that.
    async fn counts(&self) -> Result<Counts, Failure>;

    /// Removes what is there.
    async fn remove(self: Box<Self>);
}

/// The variable with the URL of a backend's server, if it needs one.
pub(crate) fn url_variable(backend: Backend) -> Option<&'static str> {
    match backend {
        Backend::Memory | Backend::Sqlite => None,
        Backend::Postgres => Some("DUROXIDE_BENCH_POSTGRES_URL"),
        Backend::Redis => Some("DUROXIDE_BENCH_REDIS_URL"),
    }
}

/// The variable that would have to name a server for this backend, and does not. Nobody has to have one.
pub(crate) fn missing_variable(backend: Backend) -> Option<&'static str> {
    url_variable(backend).filter(|variable| std::env::var_os(variable).is_none())
}

/// A place on the server that the environment names; none for a backend without servers.
pub(crate) async fn find(backend: Backend) -> Result<Option<Box<dyn Server>>, Failure> {
    let Some(variable) = url_variable(backend) else {
        return Ok(None);
    };
    let url =
        std::env::var(variable).map_err(|_| format!("set {variable} to the URL of a server"))?;
    let place = format!("duroxide_bench_{}", std::process::id());
    let found = if backend == Backend::Redis {
        redis::find(url, place).await
    } else {
        postgres::find(url, place).await
    };
    found.map(Some)
}

/// The store at a place of a server.
pub(crate) async fn open(
    backend: Backend,
    url: &str,
    place: &str,
) -> Result<Arc<dyn Provider>, Failure> {
    if backend == Backend::Redis {
        redis::open(url, place).await
    } else {
        postgres::open(url, place).await
    }
}
