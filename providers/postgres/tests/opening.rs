//! What a provider says when it cannot be opened, and what it keeps to itself.

#[path = "support/operations.rs"]
mod operations;
mod support_opening;

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{ErrorKind, Provider};
use duroxide_postgres::{Listen, Migrations, PostgresOptions, PostgresProvider};

use duroxide_provider_tests::servers::free_port;
use operations::{apply, claim_turn, id, run_one, start};
use support_opening::private::{PrivateServer, WITH_PASSWORDS};
use support_opening::{
    Place, Role, SECRET, config_refusal, execute, fresh, log, quoted, refusal, shared_url, url_as,
    url_in,
};

#[tokio::test]
async fn a_url_that_is_none_is_refused() {
    for (url, says) in [
        (SECRET.to_owned(), "must begin with postgres://"),
        (format!("mysql://user:{SECRET}@host/db"), "must begin with"),
        (format!("postgres:user:{SECRET}@host/db"), "must begin with"),
        (format!("POSTGRES ://user:{SECRET}@host"), "must begin with"),
        (
            format!("postgres://user:{SECRET}@host:port/db"),
            "percent-encoded",
        ),
        (
            format!("postgres://user:{SECRET}#1@host/db"),
            "percent-encoded",
        ),
        (
            format!("postgres://user:{SECRET}/1@host/db"),
            "percent-encoded",
        ),
        (format!("postgres://user:{SECRET}?1@host/db"), "parameter"),
        (
            format!("postgres://user@host/db?passwrod={SECRET}"),
            "parameter",
        ),
        (format!("postgres://user@host/db?{SECRET}"), "parameter"),
        (
            format!("postgres://user:{SECRET}@host/db?sslmode=whatever"),
            "percent-encoded",
        ),
        (
            format!("postgres://user@host/db?port={SECRET}"),
            "percent-encoded",
        ),
        (format!("postgres://user@[{SECRET}]/db"), "percent-encoded"),
    ] {
        config_refusal(&url, PostgresOptions::default(), says).await;
        // Where others are listened to, it has to be one as well.
        let listen = PostgresOptions::default().listen(Listen::Url(url));
        let nowhere = format!(
            "postgres://user:{SECRET}@127.0.0.1:{}/db",
            free_port().unwrap()
        );
        config_refusal(&nowhere, listen, says).await;
    }
}

#[tokio::test]
async fn a_schema_that_no_name_can_be_is_refused_before_anything_is_asked() {
    let nowhere = format!(
        "postgres://user:{SECRET}@127.0.0.1:{}/db",
        free_port().unwrap()
    );
    let too_long = "ü".repeat(32);
    for schema in [
        "",
        "pg_mine",
        "a\0b",
        "a\nb",
        "a$duroxide$b",
        "$user",
        &too_long,
    ] {
        let options = PostgresOptions::default().schema(schema);
        config_refusal(&nowhere, options, "`schema`").await;
        let error = PostgresProvider::migration_sql(schema).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{schema:?}: {error:?}");
    }
}

#[tokio::test]
async fn where_nobody_listens_trying_again_may_help() {
    let port = free_port().unwrap();
    let nowhere = format!("postgres://user:{SECRET}@127.0.0.1:{port}/db");
    let error = refusal(&nowhere, PostgresOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.is_retryable());
    assert!(error.message().contains("host and the port"), "{error:?}");
    let says = format!("(server: 127.0.0.1:{port}, cause: Connection refused");
    assert!(error.to_string().contains(&says), "{error}");
    // A name that leads nowhere, by a domain that is kept for that (RFC 6761).
    let nobody = format!("postgres://user:{SECRET}@nobody.invalid/db");
    let error = refusal(&nobody, PostgresOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("host and the port"), "{error:?}");
}

/// Somebody who takes connections and never answers.
#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let options = PostgresOptions::default().connect_timeout(Duration::from_millis(200));
    let error = refusal(
        &format!("postgres://user:{SECRET}@127.0.0.1:{port}/db"),
        options,
    )
    .await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("`connect_timeout`"), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_wrong_password_and_what_is_not_there_are_named() {
    let server = PrivateServer::start(WITH_PASSWORDS, &[], |_| ()).await;
    let role = Role::new(&server.url()).await;
    let options = PostgresOptions::default;
    let wrong = format!("{SECRET}-wrong");
    for (name, password) in [
        (&*role.name, &*wrong),
        (&*role.name, ""),
        ("nobody", SECRET),
    ] {
        let url = url_as(&server.url(), name, password);
        config_refusal(&url, options(), "the user and the password").await;
    }
    let url = url_in(&server.url(), "nothing");
    config_refusal(&url, options(), "create it, or name another one").await;
    let unknown = url_in(&role.url, "nothing");
    config_refusal(&unknown, options(), "create it, or name another one").await;
    // With the right one it is the rights that are missing.
    config_refusal(&role.url, options(), "lacks a right").await;
    let encoded = SECRET.replace('-', "%2D");
    let url = url_as(&server.url(), &role.name, &encoded);
    config_refusal(&url, options(), "lacks a right").await;
    execute(
        &server.url(),
        &format!("GRANT CREATE ON DATABASE postgres TO {}", role.name),
    )
    .await;
    let provider = PostgresProvider::new(&role.url, None).await.unwrap();
    run_one(&provider, "one").await;
    assert!(!format!("{provider:?} {provider:#?}").contains(SECRET));
    log::assert_never_said(SECRET);
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn rights_that_are_missing_are_named() {
    let place = Place::new().await;
    let role = Role::new(&place.url).await;
    config_refusal(&role.url, place.options(), "Migrations::Verify").await;
    place.open().await.close().await;
    // The schema is there, and this role may not even look.
    for migrations in [Migrations::Verify, Migrations::Apply] {
        let options = place.options().migrations(migrations);
        config_refusal(&role.url, options, "grant it the schema").await;
    }
    let usage = format!("GRANT USAGE ON SCHEMA {} TO {}", place.quoted(), role.name);
    execute(&place.url, &usage).await;
    let options = place.options().migrations(Migrations::Verify);
    config_refusal(&role.url, options, "its tables").await;
}

/// Whoever looks after the database may have made the schema, and given it to a role that may make
/// no other.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn the_owner_of_an_empty_schema_needs_no_right_to_make_another() {
    let place = Place::new().await;
    let role = Role::new(&place.url).await;
    let make = format!(
        "CREATE SCHEMA {} AUTHORIZATION {}",
        place.quoted(),
        role.name
    );
    execute(&place.url, &make).await;
    let provider = PostgresProvider::new(&role.url, Some(place.options())).await;
    let provider = provider.unwrap();
    run_one(&provider, "one").await;
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_standby_is_refused() {
    let primary = PrivateServer::start(WITH_PASSWORDS, &[], |_| ()).await;
    PostgresProvider::new(&primary.url(), None)
        .await
        .unwrap()
        .close()
        .await;
    let standby = primary.standby().await;
    for migrations in [Migrations::Apply, Migrations::Verify] {
        let options = PostgresOptions::default().migrations(migrations);
        config_refusal(&standby.url(), options, "lead to the primary").await;
    }
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_database_that_takes_no_writes_is_refused() {
    let place = Place::new().await;
    let role = Role::new(&place.url).await;
    let read_only = "SET default_transaction_read_only = on";
    execute(&place.url, &format!("ALTER ROLE {} {read_only}", role.name)).await;
    for migrations in [Migrations::Apply, Migrations::Verify] {
        let options = place.options().migrations(migrations);
        config_refusal(&role.url, options, "default_transaction_read_only").await;
    }
}

/// No old server is at hand, so this one says that it is one, to whoever looks here first.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn an_old_server_is_refused() {
    let place = Place::new().await;
    let role = Role::new(&place.url).await;
    let pretend = format!(
        "CREATE SCHEMA {schema} AUTHORIZATION {role};
         CREATE FUNCTION {schema}.current_setting(name text) RETURNS text LANGUAGE sql AS $$
             SELECT CASE name WHEN 'server_version_num' THEN '120022'
                 WHEN 'server_version' THEN '12.22' ELSE pg_catalog.current_setting(name) END
         $$;
         ALTER ROLE {role} SET search_path = {schema}, pg_catalog",
        schema = place.quoted(),
        role = role.name,
    );
    execute(&place.url, &pretend).await;
    config_refusal(&role.url, place.options(), "PostgreSQL 12.22").await;
    config_refusal(&role.url, place.options(), "version 13 or later").await;
}

/// What a role has been set up with changes nothing about what a provider does.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn the_settings_of_a_role_change_nothing() {
    for setting in [
        "search_path = nowhere",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_isolation = 'repeatable read'",
        "default_transaction_deferrable = on",
        "standard_conforming_strings = off",
        "client_encoding = 'LATIN1'",
        "bytea_output = 'escape'",
        "timezone = 'Asia/Kathmandu'",
        "plan_cache_mode = force_custom_plan",
        "quote_all_identifiers = on",
        "row_security = off",
        "check_function_bodies = off",
        "statement_timeout = 1",
    ] {
        let place = Place::named(&format!("{} it's a \\ \"", fresh("duroxide_set"))).await;
        let role = Role::new(&place.url).await;
        let make = format!(
            "CREATE SCHEMA {} AUTHORIZATION {role}; ALTER ROLE {role} SET {setting}",
            place.quoted(),
            role = role.name
        );
        execute(&place.url, &make).await;
        let provider = PostgresProvider::new(&role.url, Some(place.options())).await;
        let provider = provider.unwrap_or_else(|error| panic!("{setting}: {error:?}"));
        run_one(&provider, "Größe").await;
        provider.stats().await.unwrap();
        provider.close().await;
    }
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_name_may_hold_whatever_the_server_takes() {
    let long = format!("{}{}", fresh("duroxide_long"), "x".repeat(63));
    let (long, _) = long.split_at(63);
    for name in [
        "it's \"mine\", and 'yours'",
        "UPPER and lower",
        "Größe 数据 🦀",
        "select",
        "a.b;c--d/*e\\f$g$%h",
        "{schema} {settings} {}",
        "\"",
        long,
    ] {
        // Only the last one is somebody else's already, if two such tests run at once.
        let name = if name == long {
            name.to_owned()
        } else {
            format!("{name}{}", fresh("").split_at(9).0)
        };
        let place = Place::named(&name).await;
        let provider = place.open().await;
        run_one(&provider, "one").await;
        assert_eq!(provider.list_executions("one").await.unwrap(), [1]);
        provider.stats().await.unwrap();
        provider.close().await;
        // Another process finds the same store.
        let options = place.options().migrations(Migrations::Verify);
        let provider = place.open_with(options).await;
        assert!(provider.read_head(&id("one")).await.unwrap().is_some());
        provider.close().await;
    }
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn two_schemas_are_two_stores() {
    let lower = Place::new().await;
    let upper = Place::named(&lower.schema.to_uppercase()).await;
    let (one, other) = (lower.open().await, upper.open().await);
    apply(&one, start("a")).await;
    assert!(other.read_head(&id("a")).await.unwrap().is_none());
    let turns = operations::turns(9);
    assert!(other.claim_turns(&turns).await.unwrap().items.is_empty());
    apply(&other, start("a")).await;
    assert_eq!(claim_turn(&one).await.head.instance, id("a"));
    assert_eq!(claim_turn(&other).await.head.instance, id("a"));
    one.close().await;
    other.close().await;
}

/// Whoever cannot hear of others asks instead, and says why.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_wrong_place_to_listen_at_costs_time_and_nothing_else() {
    log::capture();
    let place = Place::new().await;
    let port = free_port().unwrap();
    let began = SystemClock.now_ms();
    let provider = place
        .open_with(place.options().listen(Listen::Url(format!(
            "postgres://user:{SECRET}@127.0.0.1:{port}/db"
        ))))
        .await;
    let took = SystemClock.now_ms() - began;
    // It is refused, so that nothing has to be waited for.
    assert!(took < 60_000, "{took} ms");
    run_one(&provider, "one").await;
    // What another process does is found, by asking.
    let other = place.open_with(place.options().listen(Listen::Never)).await;
    apply(&other, start("two")).await;
    let queues = duroxide_core::providers::Queues {
        turns: vec![duroxide_core::providers::TaskQueue::default()],
        activities: Vec::new(),
    };
    provider
        .wait_for_work(&queues, Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!(claim_turn(&provider).await.head.instance, id("two"));
    let said = log::said();
    let warnings = said.lines().filter(|line| line.contains(" WARN "));
    assert!(
        warnings
            .into_iter()
            .any(|line| line.contains("cannot be heard of")),
        "{said}"
    );
    log::assert_never_said(SECRET);
    other.close().await;
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn what_is_printed_holds_no_password() {
    let place = Place::new().await;
    let role = Role::new(&place.url).await;
    let make = format!(
        "CREATE SCHEMA {} AUTHORIZATION {}",
        quoted(&place.schema),
        role.name
    );
    execute(&place.url, &make).await;
    execute(
        &place.url,
        &PostgresProvider::migration_sql(&place.schema).unwrap(),
    )
    .await;
    let grants = format!(
        "GRANT ALL ON ALL TABLES IN SCHEMA {0} TO {1}; GRANT ALL ON ALL SEQUENCES IN SCHEMA {0} TO {1}",
        place.quoted(),
        role.name
    );
    execute(&place.url, &grants).await;
    let options = place
        .options()
        .migrations(Migrations::Verify)
        .listen(Listen::Url(role.url.clone()));
    assert!(format!("{options:?}").contains("Url(..)"));
    assert!(!format!("{options:?} {options:#?}").contains(SECRET));
    let provider = PostgresProvider::new(&role.url, Some(options))
        .await
        .unwrap();
    let printed = format!("{provider:?} {provider:#?} {:?}", provider.about());
    assert!(!printed.contains(SECRET), "{printed}");
    assert!(printed.contains(&place.schema), "{printed}");
    assert!(shared_url().await.contains("postgres"));
    provider.close().await;
}
