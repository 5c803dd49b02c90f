//! What is asked of SQLite, and how often it waits for the disk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use duroxide_core::providers::{
    Commit, Committed, ErrorKind, Lease, Provider, Queues, Release, TaskQueue, Until, Watch,
};
use duroxide_sqlite::{SqliteOptions, SqliteProvider, Synchronous};
use tempfile::TempDir;

use support::{
    LEASE, activities, activity, apply, commit_of, id, open, open_with, send, start, turns,
};

fn all_queues() -> Queues {
    Queues {
        turns: true,
        activities: vec![TaskQueue::default()],
    }
}

#[tokio::test]
async fn a_provider_that_waits_issues_no_statement() {
    let directory = TempDir::new().unwrap();
    let provider = open(&directory.path().join("data.db")).await;
    apply(&provider, start("a")).await;
    let turn = provider
        .claim_turns(&turns(1))
        .await
        .unwrap()
        .items
        .remove(0);
    apply(&provider, Commit::Turn(commit_of(&turn, Vec::new()))).await;
    // Asks once for the queue of activities, of which nothing is known yet.
    let wait = Duration::from_millis(10);
    provider.wait_for_work(&all_queues(), wait).await.unwrap();

    let before = provider.stats();
    let watched = [Watch {
        instance: id("a"),
        until: Until::Terminal,
    }];
    for _ in 0..10 {
        provider.wait_for_work(&all_queues(), wait).await.unwrap();
    }
    assert_eq!(provider.stats(), before);
    let changed = provider.wait_for_change(&watched, wait * 10).await.unwrap();
    assert!(changed.is_empty());
    // One look at the head, however long it waits.
    assert_eq!(provider.stats().statements, before.statements + 1);
    provider.close().await;
}

/// The limit of an inbox (LIM-03) is kept without counting what is in it.
#[tokio::test]
async fn a_send_costs_the_same_however_much_waits_already() {
    let directory = TempDir::new().unwrap();
    let provider = open(&directory.path().join("data.db")).await;
    apply(&provider, start("a")).await;
    let mut costs = Vec::new();
    for waiting in [1, 500, 2_000] {
        let sends = (1..waiting).map(|_| send("a", LEASE)).collect::<Vec<_>>();
        for batch in sends.chunks(512) {
            let answers = provider.commit(batch.to_vec()).await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        }
        let before = provider.stats().statements;
        apply(&provider, send("a", LEASE)).await;
        costs.push(provider.stats().statements - before);
    }
    assert_eq!(costs, [costs[0]; 3]);
    provider.close().await;
}

#[tokio::test]
async fn a_claim_that_finds_nothing_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let provider = open(&directory.path().join("data.db")).await;
    apply(&provider, start("a")).await;
    apply(&provider, send("a", LEASE)).await;
    provider.claim_turns(&turns(9)).await.unwrap();
    let before = provider.stats();
    assert!(
        provider
            .claim_turns(&turns(9))
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let claimed = provider.claim_activities(&activities(9)).await.unwrap();
    assert!(claimed.items.is_empty());
    let after = provider.stats();
    assert_eq!(after.statements - before.statements, 2);
    assert_eq!(after.durable_commits, before.durable_commits);
    assert_eq!(after.unsynced_commits, before.unsynced_commits);
    provider.close().await;
}

/// Runs an instance with one activity: what an orchestration costs at the least.
async fn run_one(provider: &SqliteProvider) {
    apply(provider, start("a")).await;
    let turn = provider
        .claim_turns(&turns(1))
        .await
        .unwrap()
        .items
        .remove(0);
    let renewed = provider
        .renew(&[Lease::Turn(turn.lease.clone())], LEASE * 2)
        .await;
    assert!(renewed[0].is_ok());
    apply(provider, Commit::Turn(commit_of(&turn, vec![activity(1)]))).await;
    let activity = provider.claim_activities(&activities(1)).await.unwrap();
    let release = Release {
        lease: Lease::Activity(activity.items[0].lease.clone()),
        delay: Duration::ZERO,
        count_attempt: false,
    };
    assert!(provider.release(vec![release]).await[0].is_ok());
}

#[tokio::test]
async fn only_commits_wait_for_the_disk() {
    let directory = TempDir::new().unwrap();
    let provider = open(&directory.path().join("full.db")).await;
    let before = provider.stats();
    run_one(&provider).await;
    let after = provider.stats();
    assert_eq!(after.durable_commits - before.durable_commits, 2);
    // Two claims, a renewal and a release.
    assert_eq!(after.unsynced_commits - before.unsynced_commits, 4);
    provider.close().await;

    let options = SqliteOptions::default().synchronous(Synchronous::Normal);
    let provider = open_with(&directory.path().join("normal.db"), options).await;
    run_one(&provider).await;
    assert_eq!(provider.stats().durable_commits, 0);
    provider.close().await;
}

#[tokio::test]
async fn a_member_whose_statement_fails_fails_alone() {
    let directory = TempDir::new().unwrap();
    let provider = open(&directory.path().join("data.db")).await;
    for instance in ["a", "b"] {
        apply(&provider, start(instance)).await;
    }
    let claimed = provider.claim_turns(&turns(2)).await.unwrap().items;
    let answers = provider
        .commit(vec![
            start("c"),
            Commit::Turn(commit_of(&claimed[0], vec![activity(1), activity(1)])),
            Commit::Turn(commit_of(&claimed[1], vec![activity(1)])),
            start("a"),
        ])
        .await;
    let kinds: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().err().map(|error| error.kind()))
        .collect();
    let [invalid, exists] = [ErrorKind::InvalidInput, ErrorKind::AlreadyExists].map(Some);
    assert_eq!(kinds, [None, invalid, None, exists]);
    assert!(matches!(answers[2], Ok(Committed::Turn(_))));
    let head = provider.read_head(&id("a")).await.unwrap().unwrap();
    assert_eq!(head.position.next_event_id, 1);
    let claimed = provider.claim_activities(&activities(9)).await.unwrap();
    assert_eq!(claimed.items.len(), 1);
    provider.close().await;
}
