//! Redis: keys on the servers that the URL names, with a prefix for each store. A list of servers is a Cluster.

use duroxide_provider_tests::{Fixture as _, Subject};
use duroxide_redis::conformance::RedisFixture;
use tokio::runtime::Builder;

use super::{Backend, Refused, unknown_mode, usage};
use crate::interrupt::when_interrupted;

/// The server of this URL. A first store is made, opened and removed, so that a server that is down, or
/// will not do, is told of once and not by every case.
pub(super) fn open(url: &str, mode: Option<&str>) -> Result<Backend, Refused> {
    if !url.contains("://") {
        return Err(usage(
            "the URL of a Redis server is redis://USER:PASSWORD@HOST:PORT/DATABASE, or rediss://; of a \
             Cluster, redis://HOST:PORT,HOST:PORT",
        ));
    }
    let fixture = match mode {
        None => RedisFixture::at_url(url),
        Some("single") => RedisFixture::single().at(url),
        Some("partitioned") => RedisFixture::partitioned().at(url),
        Some("cluster") => RedisFixture::cluster().at(url),
        Some(other) => {
            return Err(unknown_mode(
                "redis",
                other,
                &["single", "partitioned", "cluster"],
            ));
        }
    };
    let unavailable = |error: &dyn std::fmt::Display| Refused::Unavailable(error.to_string());
    let of_the_run = fixture.clone();
    when_interrupted(move |runtime| runtime.block_on(of_the_run.remove_all()))
        .map_err(|error| unavailable(&error))?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unavailable(&error))?;
    let opened = runtime.block_on(async {
        fixture.check().await?;
        let first = fixture.create().await?;
        first.connect().await?.close().await;
        Ok(())
    });
    opened.map_err(|error: duroxide_provider_tests::Unavailable| unavailable(&error))?;
    let all = fixture.clone();
    let backend = Backend::of(Subject::new(fixture));
    Ok(backend.with_removal(move || {
        runtime.block_on(all.remove_all());
        Ok(())
    }))
}
