//! Postgres: schemas in the database that the URL names, one for each store.

use duroxide_postgres::conformance::PostgresFixture;
use duroxide_provider_tests::{Fixture as _, Subject};
use tokio::runtime::Builder;

use super::{Backend, Refused, unknown_mode, usage};
use crate::interrupt::when_interrupted;

/// The database of this URL. A first schema is made and removed, so that a server that is down is
/// told of once and not by every case.
pub(super) fn open(url: &str, mode: Option<&str>) -> Result<Backend, Refused> {
    if !url.contains("://") {
        return Err(usage(
            "the URL of a Postgres database is postgres://USER:PASSWORD@HOST:PORT/DATABASE",
        ));
    }
    let fixture = match mode {
        None | Some("listening") => PostgresFixture::listening(),
        Some("polling") => PostgresFixture::polling(),
        Some(other) => return Err(unknown_mode("postgres", other, &["listening", "polling"])),
    };
    let fixture = fixture.at(url);
    let unavailable = |error: &dyn std::fmt::Display| Refused::Unavailable(error.to_string());
    let of_the_run = fixture.clone();
    when_interrupted(move |runtime| runtime.block_on(of_the_run.remove_all()))
        .map_err(|error| unavailable(&error))?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unavailable(&error))?;
    let first = runtime.block_on(fixture.create());
    drop(first.map_err(|error| unavailable(&error))?);
    let all = fixture.clone();
    let backend = Backend::of(Subject::new(fixture));
    Ok(backend.with_removal(move || {
        runtime.block_on(all.remove_all());
        Ok(())
    }))
}
