//! How a schema comes to be, who may make it, and who may work with it.

#[path = "support/operations.rs"]
mod operations;
mod support_opening;

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{DeleteMode, ErrorKind, Provider, ProviderAdmin};
use duroxide_postgres::{Migrations, PostgresOptions, PostgresProvider};
use tokio::task::JoinSet;

use operations::{apply, claim_turn, id, run_one, start};
use support_opening::{AtEnd, Place, config_refusal, execute, fresh, refusal, url_in, value};

fn verify(place: &Place) -> PostgresOptions {
    place.options().migrations(Migrations::Verify)
}

/// What there is in the schema, of any kind.
async fn things(place: &Place) -> i64 {
    let sql = format!(
        "SELECT (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid)
            + (SELECT count(*) FROM pg_proc p WHERE p.pronamespace = n.oid)
         FROM pg_namespace n WHERE n.nspname = '{}'",
        place.schema
    );
    value(&place.url, &sql).await
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn those_who_open_at_once_migrate_once() {
    let place = Place::new().await;
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let (url, options) = (place.url.clone(), place.options());
        opening.spawn(async move { PostgresProvider::new(&url, Some(options)).await });
    }
    let opened: Result<Vec<_>, _> = opening.join_all().await.into_iter().collect();
    let opened = opened.unwrap();
    let count = format!("SELECT count(*) FROM {}.migration", place.quoted());
    assert_eq!(value::<i64>(&place.url, &count).await, 1);
    for (number, provider) in opened.iter().enumerate() {
        run_one(provider, &number.to_string()).await;
    }
    for provider in opened {
        provider.close().await;
    }
}

/// A schema of the same name in another database is another store, and is migrated at the same time.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn databases_are_migrated_apart() {
    let place = Place::new().await;
    let database = fresh("duroxide_database");
    execute(&place.url, &format!("CREATE DATABASE {database}")).await;
    let drop = format!("DROP DATABASE {database} WITH (FORCE)");
    let _at_end = AtEnd::new(&place.url, [drop]);
    let one = place.open().await;
    let other = PostgresProvider::new(&url_in(&place.url, &database), Some(place.options())).await;
    let other = other.unwrap();
    apply(&one, start("a")).await;
    assert!(other.read_head(&id("a")).await.unwrap().is_none());
    one.close().await;
    other.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn what_is_missing_is_refused_where_nothing_may_be_made() {
    let place = Place::new().await;
    config_refusal(
        &place.url,
        verify(&place),
        "`PostgresProvider::migration_sql`",
    )
    .await;
    config_refusal(&place.url, verify(&place), "`Migrations::Apply`").await;
    config_refusal(&place.url, verify(&place), &format!("{:?}", place.schema)).await;
    // Nobody made it by the way.
    execute(&place.url, &format!("CREATE SCHEMA {}", place.quoted())).await;
    config_refusal(&place.url, verify(&place), "there is no store").await;
    assert_eq!(things(&place).await, 0);
}

/// During a deployment the new version migrates while the old one works.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_newer_schema_that_is_compatible_is_worked_with() {
    let place = Place::new().await;
    let before = place.open().await;
    let newer = format!("INSERT INTO {}.migration VALUES (2, 1)", place.quoted());
    execute(&place.url, &newer).await;
    run_one(&before, "before").await;
    for options in [place.options(), verify(&place)] {
        let after = place.open_with(options).await;
        apply(&after, start("after")).await;
        assert_eq!(claim_turn(&before).await.head.instance, id("after"));
        let instance = id("after");
        let deleted = after.delete_instance(&instance, DeleteMode::Force);
        deleted.await.unwrap();
        after.close().await;
    }
    before.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_newer_schema_that_is_not_compatible_is_refused_and_left_alone() {
    let place = Place::new().await;
    place.open().await.close().await;
    let newer = format!("INSERT INTO {}.migration VALUES (3, 3)", place.quoted());
    execute(&place.url, &newer).await;
    let there = things(&place).await;
    for options in [place.options(), verify(&place)] {
        let error = refusal(&place.url, options).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        for says in [
            &*place.schema,
            "version 3",
            "schema 3 and up",
            "this one has 1",
        ] {
            assert!(error.message().contains(says), "{says}: {error}");
        }
    }
    assert_eq!(things(&place).await, there);
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn half_a_schema_is_refused() {
    // It is there, but says of itself that it is nothing.
    let place = Place::new().await;
    place.open().await.close().await;
    let forget = format!("DELETE FROM {}.migration", place.quoted());
    execute(&place.url, &forget).await;
    let there = things(&place).await;
    config_refusal(&place.url, verify(&place), "there is no store").await;
    config_refusal(&place.url, place.options(), "another schema by the option").await;
    assert_eq!(things(&place).await, there);

    // Functions have gone since.
    let place = Place::new().await;
    place.open().await.close().await;
    let function = "SELECT oid::regprocedure::text FROM pg_proc WHERE proname = 'heads_v1'
        AND pronamespace = to_regnamespace";
    let function: String = value(&place.url, &format!("{function}('{}')", place.quoted())).await;
    execute(&place.url, &format!("DROP FUNCTION {function}")).await;
    let provider = place.open_with(verify(&place)).await;
    let error = provider.read_head(&id("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.message().contains("apply the migrations"), "{error}");
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn what_belongs_to_somebody_else_is_refused_and_left_alone() {
    for theirs in [
        "CREATE TABLE inbox (mail text)",
        "CREATE TABLE migration (name text)",
        "CREATE TABLE migration (version text, compatible_from text)",
        "CREATE VIEW history AS SELECT 1",
        "CREATE FUNCTION now_ms() RETURNS text LANGUAGE sql AS 'SELECT now()::text'",
        "CREATE SEQUENCE claim_order",
    ] {
        let place = Place::new().await;
        let make = format!(
            "CREATE SCHEMA {0}; SET LOCAL search_path = {0}; {theirs}",
            place.quoted()
        );
        execute(&place.url, &make).await;
        let there = things(&place).await;
        config_refusal(&place.url, place.options(), "another schema by the option").await;
        assert_eq!(things(&place).await, there, "{theirs}");
    }
}

/// The connection ends in the middle of the transaction, as it does when its process is killed.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_migration_that_is_cut_off_leaves_nothing() {
    use sqlx::{AssertSqlSafe, Connection as _};
    let place = Place::new().await;
    execute(&place.url, &format!("CREATE SCHEMA {}", place.quoted())).await;
    // Somebody holds the name of a table that comes late, and the migration waits there.
    let mut other = support_opening::connect(&place.url).await;
    let mut held = other.begin().await.unwrap();
    let hold = format!("CREATE TABLE {}.history (x int)", place.quoted());
    sqlx::raw_sql(AssertSqlSafe(hold))
        .execute(&mut *held)
        .await
        .unwrap();
    let name = fresh("duroxide_cut");
    let separator = if place.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}application_name={name}", place.url);
    let options = place.options().lock_timeout(None);
    let opening = tokio::spawn(async move { PostgresProvider::new(&url, Some(options)).await });
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = '{name}' AND wait_event_type = 'Lock'"
    );
    while value::<i64>(&place.url, &end).await == 0 {
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    let error = opening.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    held.rollback().await.unwrap();
    assert_eq!(things(&place).await, 0);
    let provider = place.open().await;
    run_one(&provider, "one").await;
    provider.close().await;
}
