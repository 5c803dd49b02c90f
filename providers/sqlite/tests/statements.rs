//! What is asked of SQLite, and how often it waits for the disk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use duroxide_core::providers::{
    ActivityOutcome, Commit, Committed, ErrorKind, Lease, Limits, Provider, Queues, Release,
    ReleasedAttempts, TaskQueue, Until, Watch,
};
use duroxide_sqlite::{SqliteOptions, SqliteProvider, Synchronous};
use tempfile::TempDir;

use support::{
    LEASE, activities, activity, apply, commit_of, id, mail, open, open_with, send, start, turns,
};

fn all_queues() -> Queues {
    Queues {
        turns: vec![TaskQueue::default()],
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

/// An instance that awaits the topic `wanted`.
async fn awaiting(provider: &SqliteProvider, instance: &str) {
    apply(provider, start(instance)).await;
    let turn = provider.claim_turns(&turns(1)).await.unwrap();
    let mut commit = commit_of(&turn.items[0], Vec::new());
    commit.awaited = vec!["wanted".into()];
    apply(provider, Commit::Turn(commit)).await;
}

/// How many statements an operation takes, those that begin and end its transaction included.
async fn cost(provider: &SqliteProvider, operation: Commit) -> u64 {
    let before = provider.stats().statements;
    apply(provider, operation).await;
    provider.stats().statements - before
}

/// The limits (LIM-03) are kept without counting what waits.
#[tokio::test]
async fn a_send_costs_the_same_however_much_waits_already() {
    let directory = TempDir::new().unwrap();
    let mut limits = Limits::default();
    limits.topic_messages_max = 1_000;
    let options = SqliteOptions::default()
        .synchronous(Synchronous::Normal)
        .limits(limits);
    let provider = open_with(&directory.path().join("data.db"), options).await;
    awaiting(&provider, "a").await;
    let sends: [fn() -> Commit; 3] = [
        || send("a", LEASE),
        || mail("a", "wanted"),
        || mail("a", "unwanted"),
    ];
    for send in sends {
        apply(&provider, send()).await;
    }
    let costs = [4, 6, 6];
    for waiting in [1, 400] {
        for (send, expected) in sends.iter().zip(costs) {
            let backlog = (1..waiting).map(|_| send()).collect();
            let answers = provider.commit(backlog).await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            assert_eq!(cost(&provider, send()).await, expected, "{waiting}");
        }
    }
    // Where a topic may be full, it is looked up and not counted.
    let answers = provider
        .commit((0..400).map(|_| mail("a", "other")).collect())
        .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(cost(&provider, mail("a", "wanted")).await, 6 + 1);
    provider.close().await;
}

/// What an orchestration without mail costs, step by step.
#[tokio::test]
async fn no_step_costs_more_than_it_must() {
    let directory = TempDir::new().unwrap();
    // No statement switches what a transaction waits for.
    let options = SqliteOptions::default().synchronous(Synchronous::Normal);
    let provider = open_with(&directory.path().join("data.db"), options).await;
    // Its rows of the instance and the inbox, after a look for the instance.
    assert_eq!(cost(&provider, start("a")).await, 2 + 3);

    let before = provider.stats().statements;
    let turn = provider.claim_turns(&turns(1)).await.unwrap();
    // A look without a transaction, who can be claimed, the messages, the lease, and who comes next.
    assert_eq!(provider.stats().statements - before, 1 + 2 + 4);

    let commit = commit_of(&turn.items[0], vec![activity(1)]);
    // The instance, history, an execution that opens, a message, what is left, the head, an activity.
    assert_eq!(cost(&provider, Commit::Turn(commit)).await, 2 + 7);

    let claimed = provider.claim_activities(&activities(1)).await.unwrap();
    let outcome = |message| {
        Commit::Activity(ActivityOutcome {
            lease: claimed.items[0].lease.clone(),
            message,
        })
    };
    let message = match send("a", Duration::ZERO) {
        Commit::Send(envelope) => envelope.message,
        Commit::Turn(_) | Commit::Activity(_) => unreachable!("it is a message"),
    };
    // The activity, its end, the message, and the time of the claim.
    assert_eq!(cost(&provider, outcome(Some(message))).await, 2 + 4);

    let turn = provider.claim_turns(&turns(1)).await.unwrap();
    let commit = commit_of(&turn.items[0], Vec::new());
    assert_eq!(cost(&provider, Commit::Turn(commit)).await, 2 + 5);
    provider.close().await;
}

/// An actor that lives on its mail pays nothing for messages that it does not get.
#[tokio::test]
async fn a_turn_for_mail_looks_for_nothing_else() {
    let directory = TempDir::new().unwrap();
    let options = SqliteOptions::default().synchronous(Synchronous::Normal);
    let provider = open_with(&directory.path().join("data.db"), options).await;
    awaiting(&provider, "a").await;
    let sent = mail("a", "wanted");
    let Commit::Send(envelope) = sent.clone() else {
        unreachable!("it is a message");
    };
    apply(&provider, sent).await;

    let before = provider.stats().statements;
    let turn = provider.claim_turns(&turns(1)).await.unwrap();
    assert!(turn.items[0].has_mail);
    assert_eq!(provider.stats().statements - before, 1 + 2 + 3);

    let mut commit = commit_of(&turn.items[0], Vec::new());
    commit.awaited = vec!["wanted".into()];
    commit.consumed = vec![envelope.message.id];
    // The instance, history, the mail's channel, the mail, the count of its topic, the head: two statements
    // for the mail cost less than one that returns what it deletes.
    assert_eq!(cost(&provider, Commit::Turn(commit)).await, 2 + 6);
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
        .renew(&[Lease::Turn(turn.lease.clone()).into()], LEASE * 2)
        .await;
    assert!(renewed[0].is_ok());
    apply(provider, Commit::Turn(commit_of(&turn, vec![activity(1)]))).await;
    let activity = provider.claim_activities(&activities(1)).await.unwrap();
    let release = Release::new(
        Lease::Activity(activity.items[0].lease.clone()),
        Duration::ZERO,
        ReleasedAttempts::TakeBack,
    );
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
