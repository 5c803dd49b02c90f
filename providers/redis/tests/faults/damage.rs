//! Keys that somebody has deleted or overwritten harm the instance that they are of, and no other one.

use std::time::Duration;

use duroxide_core::providers::{
    ClaimActivities, Commit, DeleteMode, ErrorKind, InstanceFilter, NewValue, Provider, TaskQueue,
    Turn, TurnCommit, ValueKey, ValueUpdate,
};
use duroxide_redis::RedisProvider;
use serde::Deserialize;

use super::store::sleep;
use crate::operations::{
    activity, apply_all, claim_all, commit_of, envelope, id, send, start, turns,
};
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
    assert_eq!(chunks(&server, "a").await, 1);
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

/// Claims the only instance that can be claimed, which is this one.
async fn claim_one(provider: &RedisProvider, instance: &str) -> Turn {
    claim_all(provider, &[instance]).await.remove(0)
}

/// How many chunks the history of an instance has.
async fn chunks(server: &PrivateServer, instance: &str) -> u64 {
    let history = key(server, instance, "h0000000000000001").await;
    server.command(&format!("LLEN {history}")).await
}

/// A turn that does a bit of everything, and sends to these.
fn busy_turn(mut turn: TurnCommit, receivers: &[&str]) -> Commit {
    turn.messages = receivers.iter().map(|it| envelope(it)).collect();
    turn.activities = vec![activity(2)];
    Commit::Turn(turn)
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_turn_to_a_damaged_instance_is_refused_before_anything_is_written() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, vec![start("a")]).await;
    let a = &claim_one(&provider, "a").await;
    apply_all(&provider, ["b", "damaged"].map(start).to_vec()).await;
    server
        .command::<()>("SET {duroxide:0}:i:damaged stranger")
        .await;

    let turn = busy_turn(commit_of(a, Vec::new()), &["b", "damaged"]);
    for _ in 0..3 {
        let error = provider.commit(vec![turn.clone()]).await.remove(0);
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(
            error.to_string().contains("the receiver damaged"),
            "{error}"
        );
    }
    assert_eq!(chunks(&server, "a").await, 0);
    let queue = "ZCARD {duroxide:0}:a:default";
    assert_eq!(server.command::<u64>(queue).await, 0);
    let b = &claim_one(&provider, "b").await;
    assert_eq!(b.messages.len(), 1, "its start");

    // Without the damaged one the message is dropped, and the turn goes through.
    let damaged = id("damaged");
    let admin = provider.admin();
    let deleted = admin.delete_instance(&damaged, DeleteMode::Force).await;
    deleted.unwrap();
    let committed = provider.commit(vec![turn]).await.remove(0).unwrap();
    assert!(
        format!("{committed:?}").contains("dropped"),
        "{committed:?}"
    );
    assert_eq!(chunks(&server, "a").await, 1);
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn an_instance_whose_counts_are_wrong_harms_no_other_in_its_batch() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, ["a", "b"].map(start).to_vec()).await;
    // More than its head holds, so that they lie beside it.
    apply_all(&provider, ["b"; 5].map(send).to_vec()).await;
    let channel = key(&server, "b", "s").await;
    server.command::<u64>(&format!("DEL {channel}")).await;
    let a = &claim_one(&provider, "a").await;

    let turn = Commit::Turn(commit_of(a, Vec::new()));
    let answers = provider.commit(vec![turn, send("b"), send("b")]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(chunks(&server, "a").await, 1);
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn what_is_damaged_is_left_out_of_lists_and_can_be_deleted() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, vec![start("b")]).await;
    let b = &claim_one(&provider, "b").await;
    let own = key(&server, "b", "*").await;
    apply_all(&provider, ["a", "c", "d"].map(start).to_vec()).await;
    apply_all(
        &provider,
        vec![Commit::Turn(commit_of(b, vec![activity(2)]))],
    )
    .await;
    server.command::<()>("SET {duroxide:0}:i:b stranger").await;
    server.command::<u64>("DEL {duroxide:0}:i:c").await;

    let admin = provider.admin();
    let listed = async || {
        let page = admin.list_instances(&InstanceFilter::default()).await;
        let page = page.unwrap().instances;
        let ids = page.iter().map(|it| it.head.instance.to_string());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ["a", "d"]);
    assert_eq!(admin.metrics().await.unwrap().totals.total_instances, 2);
    for gone in ["b", "c"] {
        let gone = id(gone);
        let careful = admin.delete_instance(&gone, DeleteMode::TerminalOnly).await;
        careful.unwrap_err();
        let deleted = admin.delete_instance(&gone, DeleteMode::Force).await;
        deleted.unwrap();
    }
    assert_eq!(listed().await, ["a", "d"]);
    provider.maintain(Duration::from_secs(5)).await.unwrap();
    provider.claim_turns(&turns(10)).await.unwrap();
    // What it had is gone, its activity too.
    let left: Vec<String> = server.command(&format!("KEYS {own}")).await;
    assert_eq!(left, [""; 0]);
    assert_eq!(
        server.command::<u64>("ZCARD {duroxide:0}:a:default").await,
        0
    );
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_damaged_value_keeps_no_other_from_expiring() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, ["a", "b"].map(start).to_vec()).await;
    for turn in &claim_all(&provider, &["a", "b"]).await {
        let mut commit = commit_of(turn, Vec::new());
        commit.values = vec![ValueUpdate {
            key: ValueKey::from("key"),
            value: Some(NewValue {
                value: "value".into(),
                expires_after: Some(Duration::from_millis(1)),
            }),
        }];
        apply_all(&provider, vec![Commit::Turn(commit)]).await;
    }
    let values = key(&server, "a", "v").await;
    server
        .command::<u64>(&format!("HSET {values} key stranger"))
        .await;
    sleep(Duration::from_millis(20)).await;

    provider.maintain(Duration::from_secs(5)).await.unwrap();
    assert_eq!(server.command::<u64>("ZCARD {duroxide:0}:vexp").await, 0);
    let values = key(&server, "b", "v").await;
    assert_eq!(server.command::<u64>(&format!("EXISTS {values}")).await, 0);
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_turn_that_fails_in_its_middle_is_there_once_when_it_succeeds() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, vec![start("a")]).await;
    let a = &claim_one(&provider, "a").await;
    apply_all(&provider, vec![start("b")]).await;
    let messages = key(&server, "b", "m").await;
    server
        .command::<()>(&format!("SET {messages} stranger"))
        .await;

    let mut turn = commit_of(a, vec![activity(2)]);
    let mut long = envelope("b");
    long.message.body = vec![7; 2_000].into();
    turn.messages = vec![long];
    let turn = Commit::Turn(turn);
    for _ in 0..3 {
        let error = provider.commit(vec![turn.clone()]).await.remove(0);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    server.command::<u64>(&format!("DEL {messages}")).await;
    provider.commit(vec![turn]).await.remove(0).unwrap();

    assert_eq!(chunks(&server, "a").await, 1);
    let queues = vec![TaskQueue::default()];
    let claim = ClaimActivities::new(queues, 10, Duration::from_secs(30));
    let claimed = provider.claim_activities(&claim).await.unwrap().items;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn an_id_that_was_deleted_by_force_and_is_started_again_is_leased_once() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, vec![start("a")]).await;
    server.command::<()>("SET {duroxide:0}:i:a stranger").await;
    let admin = provider.admin();
    admin
        .delete_instance(&id("a"), DeleteMode::Force)
        .await
        .unwrap();
    apply_all(&provider, vec![start("a")]).await;

    let claimed = provider.claim_turns(&turns(10)).await.unwrap().items;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    let claimed = provider.claim_turns(&turns(10)).await.unwrap().items;
    assert_eq!(claimed.len(), 0, "{claimed:?}");
    // Its place of before is gone from the queue.
    let ready = server.command::<u64>("ZCARD {duroxide:0}:r:default").await;
    assert_eq!(ready, 1);
    provider.close().await;
}
