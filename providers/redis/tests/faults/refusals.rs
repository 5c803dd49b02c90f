//! The server takes no writes for a while, and says why.

use std::fs;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{Commit, ErrorKind, Provider as _};
use duroxide_redis::RedisProvider;

use super::store::{Look, open, sleep};
use crate::operations::{
    activity, apply, apply_all, claim_activity, claim_all, commit, commit_of, outcome, send, start,
};
use crate::private_server::PrivateServer;

const PATIENCE: Duration = Duration::from_secs(20);

/// A commit of several operations, none of which is done by half while it is refused, and all of which are
/// done afterwards.
struct Attempt {
    operations: Vec<Commit>,
    before: String,
}

impl Attempt {
    async fn prepare(provider: &RedisProvider, look: &mut Look) -> Self {
        apply_all(provider, vec![start("a"), start("b")]).await;
        let turns = claim_all(provider, &["a", "b"]).await;
        let scheduling = commit_of(&turns[1], vec![activity(1)]);
        apply(provider, Commit::Turn(scheduling)).await;
        let work = claim_activity(provider).await;
        let turn = commit_of(&turns[0], vec![activity(1)]);
        Self {
            operations: vec![Commit::Turn(turn), outcome(&work), send("b"), start("c")],
            before: format!("{:?}", look.everything().await),
        }
    }

    /// It is refused for this reason, and nothing is changed by that.
    async fn fails(&self, provider: &RedisProvider, look: &mut Look, says: &str) {
        let answers = provider.commit(self.operations.clone()).await;
        assert_eq!(answers.len(), self.operations.len());
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            assert!(error.is_retryable());
            assert!(error.message().contains(says), "{error:?}");
        }
        assert_eq!(format!("{:?}", look.everything().await), self.before);
    }

    async fn succeeds(self, provider: &RedisProvider, look: &mut Look) {
        apply_all(provider, self.operations).await;
        let stored = look.everything().await;
        assert_eq!(stored["a"].history.len(), 1);
        assert_eq!((stored["b"].activities, stored["b"].messages), (0, 2));
        assert_eq!(stored["c"].messages, 1);
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn too_few_replicas_are_told_of() {
    let server = PrivateServer::start(&[]).await;
    let provider = open(&server.url()).await;
    let mut look = Look::at(&server).await;
    let attempt = Attempt::prepare(&provider, &mut look).await;
    let required = "CONFIG SET min-replicas-to-write";
    server.command::<String>(&format!("{required} 1")).await;
    let says = "`min-replicas-to-write`";
    attempt.fails(&provider, &mut look, says).await;
    server.command::<String>(&format!("{required} 0")).await;
    attempt.succeeds(&provider, &mut look).await;
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_server_that_cannot_save_is_told_of() {
    let server = PrivateServer::start(&["--save", "3600 1"]).await;
    // The file that it saves to cannot take the place of a folder.
    let in_the_way = server.folder().join("dump.rdb");
    fs::create_dir(&in_the_way).unwrap();
    let provider = open(&server.url()).await;
    let mut look = Look::at(&server).await;
    let attempt = Attempt::prepare(&provider, &mut look).await;
    save(&server, "err").await;
    attempt
        .fails(&provider, &mut look, "save to its disk")
        .await;
    fs::remove_dir(&in_the_way).unwrap();
    save(&server, "ok").await;
    attempt.succeeds(&provider, &mut look).await;
    provider.close().await;
}

/// Has the server save until that has ended so.
async fn save(server: &PrivateServer, status: &str) {
    let begun = SystemClock.elapsed();
    while server.info("rdb_last_bgsave_status").await != status {
        // One may be under way.
        server.try_command::<String>("BGSAVE").await.ok();
        assert!(SystemClock.elapsed() - begun < PATIENCE, "{}", server.log());
        sleep(Duration::from_millis(50)).await;
    }
}

/// Somebody else's script keeps the server from everything for longer than it stays silent about it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_server_that_is_busy_with_another_script_is_told_of() {
    let server = PrivateServer::start(&["--busy-reply-threshold", "50"]).await;
    let provider = open(&server.url()).await;
    let mut look = Look::at(&server).await;
    let attempt = Attempt::prepare(&provider, &mut look).await;
    let mut other = server.connection().await;
    let busy = tokio::spawn(async move {
        let mut endless = redis::cmd("EVAL");
        endless.arg("while true do end").arg(0);
        endless.query_async::<()>(&mut other).await
    });
    let begun = SystemClock.elapsed();
    // Until it is busy, everything is as ever.
    loop {
        match commit(&*provider, send("nobody")).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            answer => {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                assert!(
                    error.message().contains("another client's script"),
                    "{error:?}"
                );
                break;
            }
        }
        assert!(SystemClock.elapsed() - begun < PATIENCE);
        sleep(Duration::from_millis(5)).await;
    }
    let mut killer = redis::Client::open(server.url()).unwrap();
    redis::cmd("SCRIPT")
        .arg("KILL")
        .query::<()>(&mut killer)
        .unwrap();
    busy.await.unwrap().unwrap_err();
    attempt.succeeds(&provider, &mut look).await;
    provider.close().await;
}
