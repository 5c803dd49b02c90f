//! Who may use a store: passwords, also those that change, and the rights that a user needs.

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;
mod support_opening;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{DeleteMode, Durability, ErrorKind, InstanceFilter, Provider};
use duroxide_provider_tests::Fixture as _;
use duroxide_redis::conformance::RedisFixture;
use duroxide_redis::{Credentials, Login, RedisOptions, RedisProvider};
use parking_lot::Mutex;

use operations::{apply, claim_turn, commit, id, run_one, send, start};
use private_server::PrivateServer;
use support_opening::{SECRET, config_refusal, everything_said, log, refusal};

/// What the guide of this provider lists: all that a user needs.
const RIGHTS: &str = "~{duroxide:* &{duroxide:* +eval +evalsha +script|load +publish +subscribe +ping \
     +info +config|get +time +del +exists +get +hdel +hexists +hget +hkeys +hlen +hmget +hrandfield +hset +hsetnx \
     +hstrlen +lindex +llen +lpop +lrange +ltrim +rpush +sadd +set +sscan +unlink +zadd +zcard +zcount +zrange +zrem \
     +zremrangebyscore +zscore";

#[test]
fn the_guide_lists_these_rights_and_no_others() {
    let guide = include_str!("../docs.md");
    let (_, listed) = guide.split_once(">PASSWORD").unwrap();
    let (listed, _) = listed.split_once('\n').unwrap();
    let words = |text: &str| {
        let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        words.sort_unstable();
        words.dedup();
        words
    };
    assert_eq!(words(listed), words(RIGHTS));
}

/// What it lists beside these for the conformance suite.
const RIGHTS_OF_SUITE: &str = "~{duroxide-conformance-* &{duroxide-conformance-* +client|setname +client|list \
     +client|kill +scan";

#[test]
fn the_guide_lists_what_the_suite_needs() {
    let guide = include_str!("../docs.md");
    let line = format!("ACL SETUSER duroxide {RIGHTS_OF_SUITE}");
    assert!(guide.lines().any(|it| it == line), "{line}");
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn the_rights_that_the_guide_lists_for_the_suite_are_enough() {
    let server = PrivateServer::start(&["--appendonly", "yes"]).await;
    user(&server, "suite", &format!("{RIGHTS} {RIGHTS_OF_SUITE}")).await;
    for fixture in [RedisFixture::single(), RedisFixture::partitioned()] {
        let fixture = fixture.at(&server.url_as("suite", SECRET));
        fixture.check().await.unwrap();
        let store = fixture.create().await.unwrap();
        let provider = store.connect().await.unwrap();
        apply(&*provider, start("one")).await;
        store.crash().await.unwrap();
        let provider = store.connect().await.unwrap();
        claim_turn(&*provider).await;
        provider.close().await;
        drop(store);
        assert!(server.command::<Vec<String>>("KEYS *").await.is_empty());
    }
    let denied: Vec<redis::Value> = server.command("ACL LOG").await;
    assert!(denied.is_empty(), "{denied:?}");
}

/// Makes a user with the password [`SECRET`].
async fn user(server: &PrivateServer, name: &str, rights: &str) {
    let words = format!("ACL SETUSER {name} reset on >{SECRET} {rights}");
    server.command::<String>(&words).await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_wrong_password_and_a_missing_one_are_named() {
    let server = PrivateServer::start_with_password(SECRET).await;
    let wrong = format!("{SECRET}-wrong");
    for url in [
        format!("redis://:{wrong}@{}", server.address()),
        server.url_as("nobody", SECRET),
        server.url_as("default", &wrong),
    ] {
        config_refusal(&url, RedisOptions::default(), "the user or the password").await;
    }
    // Nothing, and what is taken for a user.
    for login in [String::new(), format!("{SECRET}@")] {
        let url = format!("redis://{login}{}", server.address());
        config_refusal(&url, RedisOptions::default(), "redis://:PASSWORD@HOST").await;
    }
    let encoded = SECRET.replace('-', "%2D");
    for url in [server.url(), server.url_as("default", &encoded)] {
        let provider = RedisProvider::new(&url, None).await.unwrap();
        run_one(&provider, &encoded).await;
        provider.close().await;
        server.command::<()>("FLUSHALL").await;
    }
    // A user who was switched off.
    user(&server, "away", &format!("off {RIGHTS}")).await;
    let url = server.url_as("away", SECRET);
    config_refusal(&url, RedisOptions::default(), "the user or the password").await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn the_rights_that_the_guide_lists_are_enough() {
    let server = PrivateServer::start(&["--appendonly", "yes"]).await;
    // What is built for tests names its connections.
    user(&server, "enough", &format!("{RIGHTS} +client|setname")).await;
    let url = server.url_as("enough", SECRET);
    let provider = RedisProvider::new(&url, None).await.unwrap();
    let other = RedisProvider::new(&url, None).await.unwrap();
    assert_eq!(provider.capabilities().durability, Durability::ProcessCrash);
    run_one(&provider, "one").await;
    // A script that was forgotten is told again.
    server.command::<String>("SCRIPT FLUSH").await;
    run_one(&other, "two").await;
    let admin = other.admin();
    let page = admin
        .list_instances(&InstanceFilter::default())
        .await
        .unwrap();
    assert_eq!(page.instances.len(), 2);
    admin.list_executions(&id("one")).await.unwrap();
    admin.metrics().await.unwrap();
    let removed = admin
        .delete_instance(&id("one"), DeleteMode::TerminalOnly)
        .await;
    removed.unwrap();
    other.maintain(Duration::from_secs(1)).await.unwrap();
    // Nothing more was tried.
    let denied: Vec<redis::Value> = server.command("ACL LOG").await;
    assert!(denied.is_empty(), "{denied:?}");
    provider.close().await;
    other.close().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn rights_that_are_missing_are_named() {
    let server = PrivateServer::start(&[]).await;
    for (number, (lacks, says)) in [
        ("-script|load", "grant: +script|load"),
        ("-evalsha", "grant: ~{duroxide:* +evalsha"),
        ("-info", "INFO"),
        ("-publish", "grant: &{duroxide:* +publish"),
        ("-zadd -time", "grant: ~{duroxide:* +zadd +time"),
        ("resetkeys ~other:*", "grant: ~{duroxide:*"),
        (
            "resetchannels &other:*",
            "grant: &{duroxide:* +publish +subscribe",
        ),
        ("-subscribe", "SUBSCRIBE"),
        ("-eval", "EVAL"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("lacks{number}");
        user(&server, &name, &format!("{RIGHTS} {lacks}")).await;
        let url = server.url_as(&name, SECRET);
        let error = refusal(&url, RedisOptions::default()).await;
        let said = error.to_string().to_lowercase();
        assert_eq!(error.kind(), ErrorKind::Config, "{lacks}: {error:?}");
        assert!(said.contains("acl"), "{lacks}: {error:?}");
        assert!(said.contains(&says.to_lowercase()), "{lacks}: {error:?}");
    }
    assert!(server.command::<Vec<String>>("KEYS *").await.is_empty());
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn where_settings_are_not_told_nothing_good_is_assumed() {
    log::capture();
    let always = ["--appendonly", "yes", "--appendfsync", "always"];
    let server = PrivateServer::start(&always).await;
    user(&server, "plain", &format!("{RIGHTS} -config -client")).await;
    let provider = RedisProvider::new(&server.url_as("plain", SECRET), None).await;
    let provider = provider.unwrap();
    // That there is an append-only file is told to everybody; how it is flushed is not.
    assert_eq!(provider.capabilities().durability, Durability::ProcessCrash);
    run_one(&provider, "one").await;
    provider.close().await;
    let said = log::said();
    let mut warnings = said.lines().filter(|line| line.contains(" WARN "));
    assert!(
        warnings.any(|it| it.contains("it is assumed that a loss of power takes the last seconds")),
        "{said}"
    );
    server
        .command::<String>("CONFIG SET maxmemory-policy allkeys-lru")
        .await;
    let url = server.url_as("plain", SECRET);
    config_refusal(&url, RedisOptions::default(), "noeviction").await;
    log::assert_never_said(SECRET);
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_right_that_is_taken_away_is_named_and_can_be_given_back() {
    let server = PrivateServer::start(&[]).await;
    user(&server, "worker", RIGHTS).await;
    let url = server.url_as("worker", SECRET);
    let provider = RedisProvider::new(&url, None).await.unwrap();
    apply(&provider, start("one")).await;
    server
        .command::<String>("ACL SETUSER worker -evalsha")
        .await;
    let error = commit(&provider, send("one")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.to_string().contains("ACL"), "{error}");
    server
        .command::<String>("ACL SETUSER worker +evalsha")
        .await;
    apply(&provider, send("one")).await;
    assert_eq!(claim_turn(&provider).await.messages.len(), 2);
    provider.close().await;
}

/// A password that changes, or none.
#[derive(Debug)]
struct Vault(Mutex<Option<String>>);

#[async_trait]
impl Credentials for Vault {
    async fn login(&self) -> Result<Login, Box<dyn Error + Send + Sync>> {
        let password = self.0.lock().clone();
        Ok(Login {
            username: Some("worker".to_owned()),
            password: password.ok_or("the vault is sealed")?,
        })
    }
}

impl Vault {
    fn with(password: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(password.to_owned()))))
    }

    fn options(self: &Arc<Self>) -> RedisOptions {
        let vault: Arc<Self> = Arc::clone(self);
        RedisOptions::default().credentials(vault)
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_password_that_has_changed_is_used_by_the_next_connection() {
    log::capture();
    let server = PrivateServer::start(&[]).await;
    user(&server, "worker", RIGHTS).await;
    let vault = Vault::with(SECRET);
    let url = format!("redis://{}", server.address());
    let provider = RedisProvider::new(&url, Some(vault.options())).await;
    let provider = provider.unwrap();
    apply(&provider, start("one")).await;
    // The new one, which is a secret too, as long as the old one is good; then without it.
    let new = format!("{SECRET}-2");
    server
        .command::<String>(&format!("ACL SETUSER worker >{new} <{SECRET}"))
        .await;
    *vault.0.lock() = Some(new);
    server.command::<i64>("CLIENT KILL USER worker").await;
    until_ok(|| async { commit(&provider, send("one")).await.map(drop) }).await;
    // An attempt may have been made on a connection that was gone: what it sent is there or is not.
    let turn = claim_turn(&provider).await;
    assert!((2..=3).contains(&turn.messages.len()), "{turn:?}");
    assert_eq!(turn.head.instance, id("one"));
    provider.close().await;
    log::assert_never_said(SECRET);
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_password_that_is_wrong_meanwhile_is_named_and_nothing_is_lost() {
    let server = PrivateServer::start(&[]).await;
    user(&server, "worker", RIGHTS).await;
    let vault = Vault::with(SECRET);
    let url = format!("redis://{}", server.address());
    let provider = RedisProvider::new(&url, Some(vault.options())).await;
    let provider = provider.unwrap();
    apply(&provider, start("one")).await;
    *vault.0.lock() = Some("stale".to_owned());
    server.command::<i64>("CLIENT KILL USER worker").await;
    let refused = until_error(&provider, ErrorKind::Config).await;
    assert!(refused.contains("the credentials callback"), "{refused}");
    *vault.0.lock() = None;
    let refused = until_error(&provider, ErrorKind::Unavailable).await;
    assert!(refused.contains("the vault is sealed"), "{refused}");
    assert!(refused.contains("callback"), "{refused}");
    *vault.0.lock() = Some(SECRET.to_owned());
    until_ok(|| async { commit(&provider, send("one")).await.map(drop) }).await;
    assert!(claim_turn(&provider).await.messages.len() >= 2);
    provider.close().await;
}

#[tokio::test]
async fn a_callback_that_fails_is_told_of() {
    let vault = Arc::new(Vault(Mutex::new(None)));
    let error = refusal("redis://127.0.0.1:1", vault.options()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.is_retryable());
    assert!(error.message().contains("callback"), "{error:?}");
    assert!(error.to_string().contains("the vault is sealed"), "{error}");
}

/// A vault that never answers.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Credentials for Silent {
    async fn login(&self) -> Result<Login, Box<dyn Error + Send + Sync>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_callback_that_does_not_answer_is_given_up() {
    let options = RedisOptions::default()
        .credentials(Arc::new(Silent))
        .connect_timeout(Duration::from_millis(200));
    let error = refusal("redis://127.0.0.1:1", options).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("callback"), "{error:?}");
    assert!(error.to_string().contains("`connect_timeout`"), "{error}");
}

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);

/// Repeats what fails for the moment until it does not.
async fn until_ok<F>(mut attempt: impl FnMut() -> F)
where
    F: Future<Output = Result<(), duroxide_core::providers::ProviderError>>,
{
    let begun = SystemClock.elapsed();
    while let Err(error) = attempt().await {
        assert!(error.is_retryable(), "{error:?}");
        assert!(SystemClock.elapsed() - begun < PATIENCE, "{error:?}");
        SystemClock.sleep(PAUSE).await;
    }
}

/// Claims what is not there until that fails in this way; answers what was said.
async fn until_error(provider: &RedisProvider, kind: ErrorKind) -> String {
    let begun = SystemClock.elapsed();
    loop {
        let claimed = provider.claim_activities(&operations::activities(1)).await;
        if let Err(error) = claimed {
            let said = everything_said(&error);
            assert!(!said.contains(SECRET), "{said}");
            if error.kind() == kind {
                return said;
            }
        }
        assert!(SystemClock.elapsed() - begun < PATIENCE, "no {kind:?}");
        SystemClock.sleep(PAUSE).await;
    }
}
