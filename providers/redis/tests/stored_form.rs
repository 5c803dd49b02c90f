//! What was stored once must be read for ever: a whole store, as a provider of this form has left it.
//!
//! The golden file has the number of the form (`FORMAT` in `lua/store.lua`). Whoever raises that adds a file
//! by running the test once with `DUROXIDE_WRITE_GOLDEN=1`; a file that is there already is never written.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;
mod stored_form {
    pub(crate) mod file;
    pub(crate) mod fill;
    pub(crate) mod seen;
    pub(crate) mod stage;
    pub(crate) mod work;
}

use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Provider as _, ProviderError};
use duroxide_redis::RedisProvider;

use private_server::PrivateServer;
use stored_form::file::StoreFile;
use stored_form::fill::{FILLED_IN, fill};
use stored_form::seen::{check, seen};
use stored_form::stage::Stage;

/// The text that has the number of the form.
const STORE: &str = include_str!("../lua/store.lua");

/// The number of the form that this provider reads and writes.
fn format() -> u64 {
    let mut lines = STORE.lines();
    let number = lines.find_map(|line| line.strip_prefix("local FORMAT = "));
    number.unwrap().parse().unwrap()
}

/// A store that was filled just now, and what it is in a file.
async fn filled() -> (Stage, StoreFile) {
    let stage = Stage::new().await;
    let provider = stage.open().await;
    fill(&*provider, stage.clock()).await;
    provider.close().await;
    let file = stage.dump().await;
    (stage, file)
}

/// The golden file of this form; made from a store if there is none and writing is asked for.
fn golden(made: &StoreFile) -> StoreFile {
    let name = format!("store_{}.json", format());
    made.write_if_asked(&name);
    StoreFile::read(&name)
}

/// A store as the golden file has it, at the time at which that was made.
async fn loaded(file: &StoreFile) -> Stage {
    let stage = Stage::new().await;
    stage.load(file).await;
    stage.clock().elapse(FILLED_IN).await;
    stage
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_store_is_read_as_it_was_put_and_is_written_as_before() {
    let (made, file) = filled().await;
    let golden = golden(&file);
    assert_eq!(golden.format(), format(), "the file is of another form");
    assert_eq!(
        file.shape(),
        golden.shape(),
        "stores are written in another form: raise FORMAT, or write what was written"
    );

    let stage = loaded(&golden).await;
    let provider = stage.open().await;
    check(&*provider).await;
    let read = seen(&*provider).await;
    provider.close().await;
    let provider = made.open().await;
    let fresh = seen(&*provider).await;
    provider.close().await;
    for (old, new) in read.iter().zip(&fresh) {
        assert_eq!(old, new);
    }
    assert_eq!(read.len(), fresh.len());
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn work_goes_on_in_a_store_of_before() {
    let (_made, file) = filled().await;
    let stage = loaded(&golden(&file)).await;
    stored_form::work::go_on(&stage).await;
}

/// Opens a store whose clock names this form.
async fn error_at(format: u64) -> ProviderError {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    operations::apply(&provider, operations::start("a")).await;
    provider.close().await;
    // The time, the last number, the form, and by how much time is ahead.
    let clock = rmp_serde::to_vec(&(1_u64, 1_u64, format, 0_u64)).unwrap();
    let mut set = redis::cmd("SET");
    set.arg("{duroxide:0}:clock").arg(clock);
    let mut connection = server.connection().await;
    set.query_async::<()>(&mut connection).await.unwrap();
    let opened = RedisProvider::new(&server.url(), None).await;
    opened.unwrap_err()
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_store_of_another_form_is_refused_with_what_to_do() {
    let newer = error_at(format() + 1).await;
    assert_eq!(newer.kind(), ErrorKind::Config, "{newer:?}");
    assert!(newer.message().contains("newer version"), "{newer:?}");
    assert!(newer.message().contains("upgrade"), "{newer:?}");
    let older = error_at(format() - 1).await;
    assert_eq!(older.kind(), ErrorKind::Config, "{older:?}");
    assert!(older.message().contains("older version"), "{older:?}");
    assert!(older.message().contains("run the version"), "{older:?}");
    let numbers = format!("FORMAT {} of the store is not {}", format() - 1, format());
    assert_eq!(older.context("answer"), Some(&*numbers), "{older:?}");
}

#[test]
fn the_form_has_a_golden_file() {
    let file = StoreFile::read(&format!("store_{}.json", format()));
    assert_eq!(file.format(), format());
}

/// Longer than anything of the store lasts.
const HUNDRED_YEARS: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
