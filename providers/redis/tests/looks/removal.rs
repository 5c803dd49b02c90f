//! An instance with very many activities is removed in slices, and nobody sees those that are left.

use std::time::Duration;

use duroxide_core::providers::{
    Commit, DeleteMode, ErrorKind, Lease, ListActivities, Provider, ProviderAdmin as _, Renew,
    Renewal, TaskQueue,
};
use duroxide_redis::{RedisOptions, RedisProvider};

use crate::operations::{
    activities, activity, apply, claim_turn, commit, commit_of, end_of, id, outcome, send, start,
};
use crate::private_server::PrivateServer;

const ACTIVITIES: u64 = 10_000;
/// More than are taken out at once.
const MANY: u64 = 1_000;
/// How many one turn schedules.
const PER_TURN: usize = 1_000;
/// How many a deletion takes out of their queues, and how many a claim that meets them.
const TAKEN_OUT_AT_ONCE: u64 = 256;
const DROPPED_AT_ONCE: u64 = 256;
/// How many commands of the server the deletion of an instance takes at most, however many activities it has.
const COMMANDS_MAX: u64 = 60;

/// How many commands the server has run, those of scripts among them.
async fn commands(server: &PrivateServer) -> u64 {
    let stats: String = server.command("INFO commandstats").await;
    let calls = stats.lines().filter_map(|line| line.split_once("calls="));
    let calls = calls.filter_map(|(_, rest)| rest.split_once(','));
    calls.map(|(calls, _)| calls.parse::<u64>().unwrap()).sum()
}

async fn queued(server: &PrivateServer) -> u64 {
    server.command("ZCARD {duroxide:0}:a:default").await
}

/// Begins an instance with so many activities.
async fn schedule(provider: &RedisProvider, instance: &str, count: u64) {
    apply(provider, start(instance)).await;
    let numbers: Vec<u64> = (1..=count).collect();
    for (turn, numbers) in numbers.chunks(PER_TURN).enumerate() {
        if turn > 0 {
            apply(provider, send(instance)).await;
        }
        let new = numbers.iter().map(|it| activity(*it)).collect();
        let turn = claim_turn(provider).await;
        apply(provider, Commit::Turn(commit_of(&turn, new))).await;
    }
}

async fn listed(provider: &RedisProvider) -> Vec<String> {
    let request = ListActivities::new(TaskQueue::default());
    let page = provider.list_activities(&request).await.unwrap();
    assert!(page.next.is_none());
    let each = page.activities.iter();
    each.map(|it| it.key.instance.to_string()).collect()
}

/// Claims until something is there, and answers what and after how many claims.
async fn claim_at_last(provider: &RedisProvider) -> (String, u64) {
    for claims in 1_u64.. {
        let claimed = provider.claim_activities(&activities(10)).await.unwrap();
        if let Some(first) = claimed.items.first() {
            assert_eq!(claimed.items.len(), 1, "{claimed:?}");
            return (first.lease.key.instance.to_string(), claims);
        }
        assert!(claimed.more, "whoever claims is told to claim again");
    }
    unreachable!("claims have no end")
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn very_many_activities_are_removed_in_slices() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    schedule(&provider, "many", ACTIVITIES).await;
    schedule(&provider, "one", 1).await;
    let claimed = provider.claim_activities(&activities(1)).await.unwrap();
    let held = &claimed.items[0];
    assert_eq!(held.lease.key.instance, id("many"));

    let before = commands(&server).await;
    let deleted = provider
        .delete_instance(&id("many"), DeleteMode::Force)
        .await;
    deleted.unwrap();
    let took = commands(&server).await - before;
    assert!(took < COMMANDS_MAX, "{took} commands");
    let left = ACTIVITIES + 1 - TAKEN_OUT_AT_ONCE;
    assert_eq!(queued(&server).await, left);

    // Nobody sees them, has a lease of one, or is handed one out.
    assert_eq!(listed(&provider).await, ["one"]);
    let renew = Renew::from(Lease::Activity(held.lease.clone()));
    let renewed = provider.renew(&[renew], Duration::from_secs(30)).await;
    assert_eq!(renewed[0].as_ref().unwrap(), &Renewal::Lost);
    let ended = commit(&provider, outcome(held)).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::LeaseLost);
    let before = commands(&server).await;
    let claimed = provider.claim_activities(&activities(1)).await.unwrap();
    assert!(claimed.items.is_empty() && claimed.more);
    let took = commands(&server).await - before;
    assert!(took < COMMANDS_MAX, "{took} commands");
    // A claim takes out those that it meets, whoever comes behind them.
    let dropped = left - queued(&server).await;
    assert!(
        (DROPPED_AT_ONCE..2 * DROPPED_AT_ONCE).contains(&dropped),
        "{dropped}"
    );
    let (found, claims) = claim_at_last(&provider).await;
    assert_eq!(found, "one");
    assert!(claims <= left / DROPPED_AT_ONCE + 1, "{claims} claims");

    provider.maintain(Duration::from_secs(20)).await.unwrap();
    let mut names: Vec<String> = server.command("KEYS *").await;
    names.retain(|name| name.contains(":n0") || name.contains("gone"));
    let numbers = names.iter().filter_map(|it| it.split(':').nth(2));
    let numbers: std::collections::BTreeSet<&str> = numbers.collect();
    assert_eq!(numbers.len(), 1, "only one instance is left: {names:?}");
    provider.close().await;
}

/// What a new life of the instance has is nobody's but its own.
#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn maintain_removes_what_is_left_and_nothing_of_another_life() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    schedule(&provider, "a", MANY).await;
    let deleted = provider.delete_instance(&id("a"), DeleteMode::Force).await;
    deleted.unwrap();
    schedule(&provider, "a", 2).await;
    assert_eq!(listed(&provider).await, ["a", "a"]);
    let before = queued(&server).await;
    assert_eq!(before, MANY - TAKEN_OUT_AT_ONCE + 2);
    let again = provider.maintain(Duration::from_secs(20)).await.unwrap();
    assert!(again.is_none_or(|after| after > Duration::ZERO));
    assert_eq!(queued(&server).await, 2);
    let metrics = provider.metrics().await.unwrap();
    assert_eq!(metrics.depths.worker_queue, 2);

    let claimed = provider.claim_activities(&activities(10)).await.unwrap();
    assert_eq!(claimed.items.len(), 2);
    for activity in &claimed.items {
        apply(&provider, outcome(activity)).await;
    }
    let turn = claim_turn(&provider).await;
    apply(&provider, Commit::Turn(end_of(&turn))).await;
    let mode = DeleteMode::TerminalOnly;
    provider.delete_instance(&id("a"), mode).await.unwrap();
    provider.close().await;
    let mut left: Vec<String> = server.command("KEYS *").await;
    left.sort();
    let kept = ["aq", "clock", "nodes", "tq"].map(|name| format!("{{duroxide:0}}:{name}"));
    assert!(left.iter().all(|key| kept.contains(key)), "{left:?}");
}

/// With several partitions it is looked first what there is to claim.
#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn partitions_pass_over_what_is_removed() {
    let server = PrivateServer::start(&[]).await;
    let options = RedisOptions::default().partitions(3);
    let opened = RedisProvider::new(&server.url(), Some(options)).await;
    let provider = opened.unwrap();
    schedule(&provider, "many", MANY).await;
    let deleted = provider
        .delete_instance(&id("many"), DeleteMode::Force)
        .await;
    deleted.unwrap();
    // One of them is in each partition.
    for number in 0..12 {
        schedule(&provider, &format!("one-{number}"), 1).await;
    }
    assert_eq!(listed(&provider).await.len(), 12);
    let mut found = std::collections::BTreeSet::new();
    for _ in 0..MANY / DROPPED_AT_ONCE + 2 {
        let claimed = provider.claim_activities(&activities(10)).await.unwrap();
        let more = claimed.more;
        found.extend(claimed.items.into_iter().map(|it| it.lease.key.instance));
        if !more {
            break;
        }
    }
    assert_eq!(found.len(), 12);
    provider.close().await;
}

/// An instance whose activities cannot be read, since somebody has overwritten a key, can be removed, and keeps
/// nobody else from going.
#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_damaged_instance_can_be_removed() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    schedule(&provider, "damaged", 1).await;
    schedule(&provider, "whole", MANY).await;
    let keys: Vec<String> = server.command("KEYS *:x").await;
    let first = keys.iter().min().unwrap();
    server.command::<()>(&format!("SET {first} stranger")).await;
    for instance in ["damaged", "whole"] {
        let instance = id(instance);
        let deleted = provider.delete_instance(&instance, DeleteMode::Force).await;
        deleted.unwrap();
        assert!(provider.read_head(&instance).await.unwrap().is_none());
    }
    provider.maintain(Duration::from_secs(20)).await.unwrap();
    let left: Vec<String> = server.command("KEYS *:n0*").await;
    let gone: Vec<String> = server.command("KEYS *:gone").await;
    assert!(gone.is_empty() && left.is_empty(), "{left:?}");
    provider.close().await;
}
