//! What a provider says when it cannot be opened, and what it keeps to itself.

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;
mod support_opening;

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{Durability, ErrorKind, Provider};
use duroxide_redis::{RedisOptions, RedisProvider};

use duroxide_provider_tests::servers::free_port;
use operations::{apply, claim_turn, id, run_one, start};
use private_server::PrivateServer;
use support_opening::impostor::Impostor;
use support_opening::{SECRET, config_refusal, log, refusal};

/// How long a refusal after a short time-out may take on a busy machine. The default time-outs are
/// longer.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_url_that_is_none_is_refused() {
    for (url, says) in [
        (SECRET.to_owned(), "must begin with redis://"),
        (String::new(), "must begin with redis://"),
        (format!("http://user:{SECRET}@host"), "must begin with"),
        (format!("redis:user:{SECRET}@host/0"), "must begin with"),
        (format!("redis ://user:{SECRET}@host"), "must begin with"),
        (
            format!("redis-sentinel://:{SECRET}@host"),
            "must begin with",
        ),
        (
            format!("redis://user:{SECRET}@host:port"),
            "percent-encoded",
        ),
        (format!("redis://user:{SECRET}@host:79500"), "above 65535"),
        (
            format!("redis://user:{SECRET}@a:1,[::1]:99999/3"),
            "above 65535",
        ),
        (format!("redis://user:9{SECRET}/1@host"), "percent-encoded"),
        (
            format!("redis://user:99999/{SECRET}@host"),
            "percent-encoded",
        ),
        (format!("redis://user:{SECRET}#1@host"), "%23"),
        (format!("redis://user:{SECRET}/1@host"), "percent-encoded"),
        (
            format!("redis://user:{SECRET}@host/{SECRET}"),
            "the number of a database",
        ),
        (
            format!("redis://user:{SECRET}@[{SECRET}]"),
            "percent-encoded",
        ),
        (format!("redis://user:{SECRET}%FF@host"), "percent-encoded"),
        (format!("redis://:{SECRET}@"), "percent-encoded"),
        (
            format!("redis-sentinel://:{SECRET}@host"),
            "redis+sentinel://",
        ),
        ("redis://host/1/2".to_owned(), "the number of a database"),
    ] {
        config_refusal(&url, RedisOptions::default(), says).await;
    }
}

#[tokio::test]
async fn options_in_a_url_are_refused_and_not_passed_over() {
    for (url, says) in [
        (format!("redis://user:{SECRET}@host?db=3"), "`RedisOptions`"),
        (
            format!("redis://host/3?password={SECRET}"),
            "redis://HOST:PORT/3",
        ),
        ("rediss://host/?protocol=resp3".to_owned(), "`RedisOptions`"),
        (
            format!("redis+sentinel://:{SECRET}@host/main?db=3"),
            "`RedisOptions`",
        ),
        (format!("redis://user:{SECRET}?1@host"), "%3F"),
        (
            format!("redis+unix:///no.sock?pass={SECRET}&protocol=3"),
            "db=, user= and pass=",
        ),
    ] {
        config_refusal(&url, RedisOptions::default(), says).await;
    }
}

#[tokio::test]
async fn a_prefix_that_would_scatter_the_keys_is_refused_before_anything_is_asked() {
    let nowhere = format!("redis://user:{SECRET}@127.0.0.1:{}", free_port().unwrap());
    for prefix in ["", "{a}", "a{", "}a", "a{b}c", "duroxide:x", ":"] {
        let options = RedisOptions::default().key_prefix(prefix);
        config_refusal(&nowhere, options, "key prefix").await;
    }
}

#[tokio::test]
async fn a_window_that_is_shorter_than_a_failover_is_refused() {
    let nowhere = format!("redis://user:{SECRET}@127.0.0.1:{}", free_port().unwrap());
    let window = RedisOptions::RELAY_WINDOW_MIN - Duration::from_millis(1);
    let options = RedisOptions::default().relay_window(window);
    config_refusal(&nowhere, options, "`relay_window`").await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_database_that_the_server_does_not_have_is_told_of() {
    let server = PrivateServer::start(&["--databases", "2"]).await;
    let url = format!("{}/2", server.url());
    config_refusal(&url, RedisOptions::default(), "`databases`").await;
}

#[tokio::test]
async fn where_nobody_listens_trying_again_may_help() {
    let port = free_port().unwrap();
    let nowhere = format!("redis://user:{SECRET}@127.0.0.1:{port}");
    let error = refusal(&nowhere, RedisOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.is_retryable());
    assert!(error.message().contains("host and the port"), "{error:?}");
    // TLS has nothing to do with it.
    assert!(!error.message().contains("rediss://"), "{error:?}");
    for says in [&format!("127.0.0.1:{port}"), "Connection refused"] {
        assert!(error.to_string().contains(says), "{error}");
    }
    // A name that leads nowhere, by a domain that is kept for that (RFC 6761).
    let nobody = format!("redis://user:{SECRET}@nobody.invalid");
    let error = refusal(&nobody, RedisOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("host and the port"), "{error:?}");
    assert!(error.to_string().contains("lookup"), "{error}");
    let socket = format!("redis+unix:///nowhere/redis.sock?pass={SECRET}");
    let error = refusal(&socket, RedisOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("`unixsocket`"), "{error:?}");
    assert!(!error.message().contains("port"), "{error:?}");
    for says in ["/nowhere/redis.sock", "No such file"] {
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_at_the_greeting_may_want_tls() {
    let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://user:{SECRET}@{}", door.local_addr().unwrap());
    let shut = tokio::spawn(async move {
        loop {
            drop(door.accept().await);
        }
    });
    let error = refusal(&url, RedisOptions::default()).await;
    shut.abort();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("rediss://"), "{error:?}");
    assert!(error.to_string().contains("cause: "), "{error}");
}

/// Somebody who takes connections and never answers.
#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let silent = Impostor::silent().await;
    let url = format!("redis://user:{SECRET}@{}", silent.address());
    let short = Duration::from_millis(200);
    // Without a password nothing is asked until the connection is made.
    let open = format!("redis://{}", silent.address());
    for (url, options) in [
        (&url, RedisOptions::default().connect_timeout(short)),
        (
            &open,
            RedisOptions::default()
                .connect_timeout(short)
                .answer_timeout(short),
        ),
    ] {
        let begun = SystemClock.elapsed();
        let error = refusal(url, options).await;
        let took = SystemClock.elapsed() - begun;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.message().contains("`connect_timeout`"), "{error:?}");
        assert!(error.message().contains("`answer_timeout`"), "{error:?}");
        assert!(took < SOON, "{took:?}");
    }
}

#[tokio::test]
async fn what_is_no_redis_is_named() {
    let server = Impostor::web_server().await;
    for login in ["", "user:hunter2-swordfish@"] {
        let url = format!("redis://{login}{}", server.address());
        config_refusal(&url, RedisOptions::default(), "is no Redis").await;
    }
}

#[tokio::test]
async fn an_old_server_is_refused() {
    let server = Impostor::old_redis().await;
    let url = format!("redis://{}", server.address());
    config_refusal(&url, RedisOptions::default(), "Redis 7.0 or newer").await;
    config_refusal(&url, RedisOptions::default(), "6.2.14").await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_server_that_repeats_what_it_was_told_is_not_repeated() {
    let server = PrivateServer::start(&["--rename-command", "HELLO", ""]).await;
    let url = server.url_as("user", SECRET);
    config_refusal(&url, RedisOptions::default(), "a command of it is disabled").await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_server_with_as_many_clients_as_it_takes_is_asked_again() {
    let server = PrivateServer::start_with_password(SECRET).await;
    // This one stays.
    let _first = server.connection().await;
    server.command::<String>("CONFIG SET maxclients 1").await;
    let error = refusal(&server.url(), RedisOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("`maxclients`"), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_replica_is_refused() {
    let primary = PrivateServer::start(&[]).await;
    let port = primary.address().port().to_string();
    let replica = PrivateServer::start(&["--replicaof", &format!("127.0.0.1 {port}")]).await;
    for says in [
        "connect to the primary".to_owned(),
        format!("server: {}", replica.address()),
        format!("primary: 127.0.0.1:{port}"),
    ] {
        config_refusal(&replica.url(), RedisOptions::default(), &says).await;
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_cluster_without_slots_is_asked_again() {
    let node = PrivateServer::start(&["--cluster-enabled", "yes"]).await;
    let error = refusal(&node.url(), RedisOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.is_retryable());
    assert!(error.message().contains("no server serves"), "{error:?}");
    for url in [
        format!("{}/1", node.url()),
        format!("{},127.0.0.1:1/1", node.url()),
    ] {
        config_refusal(&url, RedisOptions::default(), "no database but 0").await;
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn several_servers_that_are_no_cluster_are_refused() {
    let server = PrivateServer::start(&[]).await;
    let url = format!("{},127.0.0.1:{}", server.url(), free_port().unwrap());
    config_refusal(&url, RedisOptions::default(), "not one of a Cluster").await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_store_keeps_its_number_of_partitions() {
    let server = PrivateServer::start(&[]).await;
    let options = |partitions| RedisOptions::default().partitions(partitions);
    for (partitions, says) in [(0, "one partition at least"), (257, "256 at most")] {
        config_refusal(&server.url(), options(partitions), says).await;
    }
    for partitions in [3, 1, 256] {
        let prefix = format!("of-{partitions}");
        let open = async |options: RedisOptions| {
            let opened = RedisProvider::new(&server.url(), Some(options.key_prefix(&prefix))).await;
            opened.unwrap().close().await;
        };
        open(options(partitions)).await;
        open(options(partitions)).await;
        // Whoever does not say how many there are gets those that are there.
        open(RedisOptions::default()).await;
        let other = options(2).key_prefix(&prefix);
        let says = format!("open it by `partitions({partitions})`");
        config_refusal(&server.url(), other, &says).await;
    }
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    provider.close().await;
    config_refusal(&server.url(), options(2), "made with 1 partition").await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_server_that_evicts_is_refused() {
    let server = PrivateServer::start(&[]).await;
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let setting = format!("CONFIG SET maxmemory-policy {policy}");
        server.command::<String>(&setting).await;
        let options = RedisOptions::default;
        config_refusal(&server.url(), options(), "`maxmemory-policy noeviction`").await;
        config_refusal(&server.url(), options(), policy).await;
    }
    // The others evict nothing, or nothing but keys with a time to live, of which there are none.
    for policy in ["noeviction", "volatile-lru", "volatile-ttl"] {
        let setting = format!("CONFIG SET maxmemory-policy {policy}");
        server.command::<String>(&setting).await;
        let provider = RedisProvider::new(&server.url(), None).await.unwrap();
        run_one(&provider, policy).await;
        provider.close().await;
    }
    let keys: Vec<String> = server.command("KEYS *").await;
    assert!(!keys.is_empty());
    for key in keys {
        assert_eq!(
            server.command::<i64>(&format!("TTL {key}")).await,
            -1,
            "{key}"
        );
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn what_a_commit_survives_is_what_the_settings_say() {
    for (settings, durability) in [
        (&["--appendonly", "no"][..], Durability::Volatile),
        (
            &["--appendonly", "yes", "--appendfsync", "no"],
            Durability::ProcessCrash,
        ),
        (
            &["--appendonly", "yes", "--appendfsync", "everysec"],
            Durability::ProcessCrash,
        ),
        (
            &["--appendonly", "yes", "--appendfsync", "always"],
            Durability::PowerLoss,
        ),
    ] {
        let server = PrivateServer::start(settings).await;
        let provider = RedisProvider::new(&server.url(), None).await.unwrap();
        let found = provider.capabilities().durability;
        assert_eq!(found, durability, "{settings:?}");
        let backend = provider.about().backend;
        assert!(
            backend.starts_with("Redis ") || backend.starts_with("Valkey "),
            "{backend}"
        );
        provider.close().await;
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn two_prefixes_are_two_stores_and_so_are_two_databases() {
    let server = PrivateServer::start(&[]).await;
    let open = |prefix: &str, database: u8| {
        let options = RedisOptions::default().key_prefix(prefix);
        let url = format!("{}/{database}", server.url());
        async move { RedisProvider::new(&url, Some(options)).await.unwrap() }
    };
    let prefix = "it's a \\ \" * ? [a] Größe";
    let places = [("a", 0), ("A", 0), (prefix, 0), ("a", 1)];
    let mut stores = Vec::new();
    for (prefix, database) in places {
        stores.push(open(prefix, database).await);
    }
    for (store, place) in stores.iter().zip(places) {
        apply(store, start("same")).await;
        let turn = claim_turn(store).await;
        assert_eq!(turn.head.instance, id("same"), "{place:?}");
        assert_eq!(turn.messages.len(), 1, "{place:?}");
    }
    for store in stores {
        store.close().await;
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn what_is_printed_holds_no_password() {
    log::capture();
    let server = PrivateServer::start_with_password(SECRET).await;
    let options = RedisOptions::default().key_prefix("shown");
    let provider = RedisProvider::new(&server.url(), Some(options.clone())).await;
    let provider = provider.unwrap();
    run_one(&provider, "one").await;
    let printed = format!(
        "{provider:?} {provider:#?} {:?} {options:?}",
        provider.about()
    );
    assert!(!printed.contains(SECRET), "{printed}");
    assert!(printed.contains(&server.address().to_string()), "{printed}");
    assert!(printed.contains("shown"), "{printed}");
    provider.close().await;
    let error = provider
        .claim_turns(&operations::turns(1))
        .await
        .unwrap_err();
    assert!(!support_opening::everything_said(&error).contains(SECRET));
    log::assert_never_said(SECRET);
}
