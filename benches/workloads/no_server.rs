//! What stands for a PostgreSQL server where the backend is not built in.

use std::sync::Arc;

use duroxide::providers::Provider;

use super::Failure;
use super::meter::Counts;

/// Where the server is.
pub(crate) const URL_VARIABLE: &str = "DUROXIDE_BENCH_POSTGRES_URL";

const REMEDY: &str = "Postgres is not built in; run `cargo bench --features postgres`";

/// There is none.
pub(crate) enum Server {}

impl Server {
    pub(crate) fn from_environment() -> std::future::Ready<Result<Self, Failure>> {
        std::future::ready(Err(REMEDY.into()))
    }

    pub(crate) fn url(&self) -> &str {
        match *self {}
    }

    pub(crate) fn schema(&self) -> &str {
        match *self {}
    }

    pub(crate) fn open(&self) -> std::future::Ready<Result<Arc<dyn Provider>, Failure>> {
        match *self {}
    }

    pub(crate) fn counts(&self) -> std::future::Ready<Result<Counts, Failure>> {
        match *self {}
    }

    pub(crate) fn remove(self) -> std::future::Ready<()> {
        match self {}
    }
}

pub(crate) fn open(
    _url: &str,
    _schema: &str,
) -> std::future::Ready<Result<Arc<dyn Provider>, Failure>> {
    std::future::ready(Err(REMEDY.into()))
}
