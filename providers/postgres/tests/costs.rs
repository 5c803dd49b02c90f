//! What a store costs its server, as its meter tells.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what the server did when it does"
)]

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
#[allow(dead_code, reason = "a part of it is for other tests")]
mod private_server;
mod support_opening;

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_postgres::conformance::PostgresFixture;
use duroxide_provider_tests::{CostMeter, CostScope, Costs, Fixture as _, MeteredStore};
use tempfile::TempDir;

use operations::start;
use private_server::PrivateServer;
use support_opening::{Role, SECRET, execute, log, shared_url, value};

const COMMITS: u64 = 20;
/// How long a process of the server may keep its count to itself.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

fn folder() -> TempDir {
    let mut named = tempfile::Builder::new();
    named.prefix("duroxide_costs_").tempdir().unwrap()
}

async fn commit_some(store: &MeteredStore) {
    for number in 0..COMMITS {
        let commit = start(&format!("instance-{number}"));
        store.provider.commit(vec![commit]).await.remove(0).unwrap();
    }
}

fn grown(from: &Costs, to: &Costs, field: fn(&Costs) -> Option<u64>) -> u64 {
    field(to)
        .unwrap()
        .checked_sub(field(from).unwrap())
        .unwrap()
}

/// Waits until the server has told that it flushed its log.
async fn flushes_told(meter: &dyn CostMeter, from: &Costs) {
    let until = SystemClock.elapsed() + TOLD_WITHIN;
    while meter.read().await.unwrap().durable_commits <= from.durable_commits {
        assert!(SystemClock.elapsed() < until, "no flush was told");
        SystemClock.sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn commits_cost_round_trips_and_bytes() {
    let (fixture, folder) = (PostgresFixture::listening(), folder());
    let store = fixture.open_to_measure(folder.path()).await.unwrap();
    let meter = store.meter.clone().unwrap();
    assert_eq!(meter.scope(), CostScope::Server);
    let from = meter.read().await.unwrap();
    commit_some(&store).await;
    let to = meter.read().await.unwrap();
    // Other tests may work on the server.
    assert!(grown(&from, &to, |it| it.written_bytes) > COMMITS * 100);
    assert!(to.stored_bytes > Some(0));
    if from.round_trips.is_some() {
        assert!(grown(&from, &to, |it| it.round_trips) >= COMMITS);
    }
    if from.statements.is_some() {
        assert!(grown(&from, &to, |it| it.statements) > grown(&from, &to, |it| it.round_trips));
    }
    assert!(to.server_cpu >= from.server_cpu);
    if from.durable_commits.is_some() {
        flushes_told(&*meter, &from).await;
    }
    store.provider.close().await;
    fixture.remove_from(folder.path()).await.unwrap();
}

/// The meter's own statements are not counted, and nobody else is here.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_server_alone_is_counted_to_the_statement() {
    let settings = [
        "shared_preload_libraries=pg_stat_statements",
        "pg_stat_statements.track=top",
        "pg_stat_statements.save=off",
    ];
    let mut server = PrivateServer::start(&settings).await;
    let (fixture, folder) = (PostgresFixture::polling().at(&server.url()), folder());
    let store = fixture.open_to_measure(folder.path()).await.unwrap();
    let meter = store.meter.clone().unwrap();
    let from = meter.read().await.unwrap();
    let again = meter.read().await.unwrap();
    assert_eq!(grown(&from, &again, |it| it.round_trips), 0);
    assert_eq!(from.statements, None);
    commit_some(&store).await;
    let to = meter.read().await.unwrap();
    assert_eq!(grown(&from, &to, |it| it.round_trips), COMMITS);
    if cfg!(target_os = "linux") {
        assert!(to.server_cpu > Some(Duration::ZERO), "{to:?}");
        assert!(to.server_peak_memory_bytes > Some(1_000_000), "{to:?}");
    }
    // What is counted from the beginning again is no difference.
    server.stop_immediately();
    server.start_again().await;
    let anew = meter.read().await.unwrap();
    assert_eq!((anew.round_trips, anew.server_cpu), (None, None));
    assert!(anew.written_bytes >= to.written_bytes);
    server.stop_immediately();
    let gone = meter.read().await.unwrap_err().to_string();
    assert!(gone.contains("cannot be read"), "{gone}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_role_with_few_rights_is_measured_and_no_password_is_said() {
    log::capture();
    let url = shared_url().await;
    let role = Role::new(&url).await;
    let folder = folder();
    let database: String = value(&url, "SELECT quote_ident(current_database())").await;
    let grant = format!("GRANT CREATE ON DATABASE {database} TO {}", role.name);
    execute(&url, &grant).await;
    let fixture = PostgresFixture::listening().at(&role.url);
    let store = fixture.open_to_measure(folder.path()).await.unwrap();
    let meter = store.meter.clone().unwrap();
    commit_some(&store).await;
    let costs = meter.read().await.unwrap();
    assert!(
        costs.written_bytes > Some(0) && costs.stored_bytes > Some(0),
        "{costs:?}"
    );
    store.provider.close().await;
    // Nobody may log in any more, and the connection that reads is cut.
    execute(&url, &format!("ALTER ROLE {} NOLOGIN", role.name)).await;
    let cut = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{}'",
        role.name
    );
    execute(&url, &cut).await;
    let error = meter.read().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    log::assert_never_said(SECRET);
}
