//! A program is upgraded while it works: three nodes on one store are exchanged one by one, old
//! code for new, back, and for new again, some in good order and some by crashes, while 500
//! orchestrations run. Nothing is lost, ended or run twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::future_not_send,
    clippy::wildcard_enum_match_arm,
    reason = "tests: what cannot happen fails the test, on the test's own thread"
)]

#[path = "upgrade/fleet.rs"]
mod fleet;
#[path = "upgrade/generation.rs"]
mod generation;
#[path = "upgrade/ledger.rs"]
mod ledger;
#[path = "upgrade/order.rs"]
mod order;
#[path = "upgrade/place.rs"]
mod place;
#[path = "upgrade/play.rs"]
mod play;
#[path = "upgrade/program.rs"]
mod program;
#[path = "upgrade/verdict.rs"]
mod verdict;

use place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_upgraded_on_sqlite() {
    let place = Place::on_sqlite();
    play::run(&place).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a PostgreSQL server; `cargo xtask test servers` gets one ready"]
async fn a_program_is_upgraded_on_postgres() {
    let place = Place::on_postgres().await;
    play::run(&place).await;
    place.remove().await;
}
