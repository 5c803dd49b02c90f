//! How a schema comes to be, who may make it, and who may work with it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support_opening;

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{
    Commit, DeleteMode, ErrorKind, InstanceFilter, Lease, Provider, ProviderAdmin, ProviderError,
    ReadHistory, Release,
};
use duroxide_postgres::{Migrations, PostgresOptions, PostgresProvider};
use tokio::task::JoinSet;

use support_opening::operations::{
    LEASE, activities, activity, apply, claim_activity, claim_turn, commit_of, end_of, id, next_of,
    outcome, run_one, send, start, turns,
};
use support_opening::{
    AtEnd, Place, Role, config_refusal, execute, fresh, refusal, shared_url, url_in, value,
};

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

/// The SQL that the documentation shows under "Rights".
fn documented_grants(place: &Place, role: &Role) -> String {
    let documentation = include_str!("../docs.md");
    let (_, rights) = documentation.split_once("## Rights").unwrap();
    let (_, block) = rights.split_once("```sql\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    assert!(block.contains(" app;") && block.contains("duroxide."));
    block
        .replace("duroxide.", &format!("{}.", place.quoted()))
        .replace("SCHEMA duroxide", &format!("SCHEMA {}", place.quoted()))
        .replace(" app;", &format!(" {};", role.name))
}

/// Asks for everything that there is to ask, with an answer for each.
async fn everything(provider: &PostgresProvider) -> Result<(), ProviderError> {
    let instance = id("all");
    let ask = |operation| async move { provider.commit(vec![operation]).await.remove(0) };
    ask(start("all")).await?;
    let turn = provider.claim_turns(&turns(1)).await?.items.remove(0);
    let lease = Lease::Turn(turn.lease.clone());
    provider.renew(&[lease], LEASE * 2).await.remove(0)?;
    let given_back = |lease| Release {
        lease,
        delay: Duration::ZERO,
        count_attempt: false,
    };
    let release = given_back(Lease::Turn(turn.lease));
    provider.release(vec![release]).await.remove(0)?;
    let turn = provider.claim_turns(&turns(1)).await?.items.remove(0);
    ask(Commit::Turn(commit_of(&turn, vec![activity(1, 1)]))).await?;
    let claimed = provider.claim_activities(&activities(1)).await?;
    let lease = Lease::Activity(claimed.items[0].lease.clone());
    provider
        .renew(std::slice::from_ref(&lease), LEASE * 2)
        .await
        .remove(0)?;
    provider.release(vec![given_back(lease)]).await.remove(0)?;
    let claimed = provider.claim_activities(&activities(1)).await?;
    ask(outcome(&claimed.items[0])).await?;
    let turn = provider.claim_turns(&turns(1)).await?.items.remove(0);
    ask(Commit::Turn(next_of(&turn))).await?;
    ask(send("all")).await?;
    let turn = provider.claim_turns(&turns(1)).await?.items.remove(0);
    assert_eq!(provider.prune_executions(&instance, 1).await?, 1);
    ask(Commit::Turn(end_of(&turn))).await?;
    let request = ReadHistory {
        instance: instance.clone(),
        execution: 2,
        from_event_id: 1,
        bytes_max: 1024,
    };
    assert_eq!(provider.read_history(&request).await?.chunks.len(), 2);
    assert!(provider.read_head(&instance).await?.is_some());
    let listed = provider.list_instances(&InstanceFilter::default()).await?;
    assert_eq!(listed.instances.len(), 1);
    assert_eq!(provider.list_executions("all").await?, [2]);
    assert_eq!(provider.metrics().await?.total_instances, 1);
    provider.queue_depths().await?;
    assert_eq!(provider.stats().await?.tables.len(), 6);
    provider
        .delete_instance(&instance, DeleteMode::TerminalOnly)
        .await?;
    let kept = provider.maintain(Duration::from_secs(10)).await?;
    assert_ne!(kept, Some(Duration::ZERO));
    Ok(())
}

/// One right, taken from a line of the documentation.
fn single_rights(grants: &str) -> Vec<String> {
    let mut rights = Vec::new();
    for grant in grants
        .lines()
        .filter_map(|line| line.strip_prefix("GRANT "))
    {
        let (privileges, rest) = grant.split_once(" ON ").unwrap();
        let (objects, _) = rest.split_once(" TO ").unwrap();
        for privilege in privileges.split(", ") {
            for object in objects.split(", ") {
                rights.push(format!("{privilege} ON {object}"));
            }
        }
    }
    rights
}

/// The heartbeats, whose failure nobody sees at once.
async fn beat(place: &Place, role: &Role) -> Result<(), sqlx::Error> {
    use sqlx::AssertSqlSafe;
    let mut connection = support_opening::connect(&role.url).await;
    let schema = place.quoted();
    for call in [
        format!("SELECT {schema}.poll_v1(gen_random_uuid(), '{{}}', 1000)"),
        format!("SELECT {schema}.leave_v1(gen_random_uuid())"),
    ] {
        sqlx::query(AssertSqlSafe(call))
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}

async fn asked_by(place: &Place, role: &Role) -> Result<(), ProviderError> {
    // By a connection of its own in any case, so that this is all that is asked.
    let options = verify(place).listen(duroxide_postgres::Listen::Never);
    let provider = Arc::new(PostgresProvider::new(&role.url, Some(options)).await?);
    let asked = everything(&provider).await;
    provider.close().await;
    asked
}

/// A schema that its owner made, and a role that has what the documentation says.
async fn granted(place: &Place, owner: &Role, role: &Role) -> String {
    let make = format!(
        "CREATE SCHEMA {} AUTHORIZATION {}",
        place.quoted(),
        owner.name
    );
    execute(&place.url, &make).await;
    let sql = PostgresProvider::migration_sql(&place.schema).unwrap();
    execute(&owner.url, &format!("BEGIN; {sql}; COMMIT;")).await;
    let everybody = format!(
        "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {} FROM PUBLIC",
        place.quoted()
    );
    execute(&owner.url, &everybody).await;
    let grants = documented_grants(place, role);
    execute(&owner.url, &grants).await;
    grants
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn the_documented_rights_are_enough() {
    let place = Place::new().await;
    let (owner, role) = (Role::new(&place.url).await, Role::new(&place.url).await);
    granted(&place, &owner, &role).await;
    asked_by(&place, &role).await.unwrap();
    beat(&place, &role).await.unwrap();
    // Two who work together: they find each other, and ring.
    let one = PostgresProvider::new(&role.url, Some(verify(&place)))
        .await
        .unwrap();
    let other = PostgresProvider::new(&role.url, Some(verify(&place)))
        .await
        .unwrap();
    apply(&one, start("a")).await;
    let turn = claim_turn(&other).await;
    apply(&other, Commit::Turn(commit_of(&turn, vec![activity(1, 1)]))).await;
    apply(&one, outcome(&claim_activity(&one).await)).await;
    // It may work with what is there, and make nothing.
    let alter = format!(
        "SELECT has_schema_privilege('{}', '{}', 'CREATE')",
        role.name, place.schema
    );
    assert!(!value::<bool>(&place.url, &alter).await);
    one.close().await;
    other.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn none_of_the_documented_rights_can_be_left_out() {
    let place = Place::new().await;
    let (owner, role) = (Role::new(&place.url).await, Role::new(&place.url).await);
    let grants = granted(&place, &owner, &role).await;
    let rights = single_rights(&grants);
    assert_eq!(rights.len(), 1 + 1 + 6 * 4 + 2 * 3 + 1 + 1);
    let tables = [
        "instance",
        "ready",
        "activity",
        "execution",
        "removal",
        "inbox",
        "history",
    ];
    let tables = tables
        .map(|table| format!("{}.{table}", place.quoted()))
        .join(", ");
    for right in rights {
        execute(&owner.url, &format!("REVOKE {right} FROM {}", role.name)).await;
        match asked_by(&place, &role).await {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Config, "{right}: {error:?}");
                assert!(
                    error.message().contains("lacks a right"),
                    "{right}: {error}"
                );
            }
            Ok(()) => {
                let beaten = beat(&place, &role).await;
                assert!(beaten.is_err(), "{right} can be left out");
            }
        }
        execute(&owner.url, &format!("GRANT {right} TO {}", role.name)).await;
        execute(&owner.url, &format!("TRUNCATE {tables}")).await;
    }
    asked_by(&place, &role).await.unwrap();
    assert!(shared_url().await.starts_with("postgres"));
}
