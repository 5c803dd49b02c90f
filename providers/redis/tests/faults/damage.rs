//! Keys that somebody has deleted or overwritten harm the instance that they are of, and no other one.

use duroxide_core::providers::{Commit, ErrorKind, Provider};
use duroxide_redis::RedisProvider;
use serde::Deserialize;

use crate::operations::{activity, apply_all, claim_all, commit_of, id, send, start, turns};
use crate::private_server::PrivateServer;

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "n")]
    number: String,
}

/// The key of an instance with this name behind its number.
async fn key(server: &PrivateServer, instance: &str, name: &str) -> String {
    let command = format!("GET {{duroxide:0}}:i:{instance}");
    let stored: Vec<u8> = server.command(&command).await;
    let head: Head = rmp_serde::from_slice(&stored).unwrap();
    format!("{{duroxide:0}}:n{}:{name}", head.number)
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_damaged_instance_is_passed_over() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, ["a", "b", "c"].map(start).to_vec()).await;
    // More than its head holds, so that they lie beside it.
    apply_all(&provider, ["b"; 4].map(send).to_vec()).await;
    let messages = key(&server, "b", "m").await;
    server.command::<u64>(&format!("DEL {messages}")).await;

    let claimed = provider.claim_turns(&turns(10)).await.unwrap();
    let mut names: Vec<_> = claimed
        .items
        .iter()
        .map(|it| it.lease.instance.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "c"]);
    let claimed = provider.claim_turns(&turns(10)).await.unwrap();
    assert_eq!(claimed.items.len(), 0, "it is left alone for a while");
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_member_that_fails_leaves_its_batch_whole() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, ["a", "b"].map(start).to_vec()).await;
    let [a, b] = &claim_all(&provider, &["a", "b"]).await[..] else {
        panic!("both are claimed");
    };
    let activities = key(&server, "b", "x").await;
    server
        .command::<()>(&format!("SET {activities} stranger"))
        .await;

    let first = Commit::Turn(commit_of(a, vec![activity(2)]));
    let second = Commit::Turn(commit_of(b, vec![activity(2)]));
    let batch = vec![send("a"), first.clone(), second, start("c"), send("a")];
    let answers = provider.commit(batch).await;

    let kinds = answers
        .iter()
        .map(|it| it.as_ref().err().map(|error| error.kind()));
    let corrupt = Some(ErrorKind::Corrupt);
    assert_eq!(kinds.collect::<Vec<_>>(), [None, None, corrupt, None, None]);
    let error = answers.into_iter().nth(2).unwrap().unwrap_err();
    assert_eq!(error.context("instance"), Some("b"));
    // What the others did is there, once.
    let chunks: u64 = server
        .command(&format!(
            "LLEN {}",
            key(&server, "a", "h0000000000000001").await
        ))
        .await;
    assert_eq!(chunks, 1);
    let repeated = provider.commit(vec![first]).await;
    assert!(
        format!("{repeated:?}").contains("repeated: true"),
        "{repeated:?}"
    );
    let claimed = provider.claim_turns(&turns(10)).await.unwrap();
    let names: Vec<_> = claimed
        .items
        .iter()
        .map(|it| it.lease.instance.as_str())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let a = claimed
        .items
        .iter()
        .find(|it| it.lease.instance == id("a"))
        .unwrap();
    assert_eq!(a.messages.len(), 2);
    provider.close().await;
}
