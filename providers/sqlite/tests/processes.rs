//! Several providers on one file. To SQLite two handles are what two processes are.

mod support;

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{
    Commit, ExecutionStatus, Lease, Provider, Queues, Renewal, TaskQueue, Until, Watch,
};
use duroxide_sqlite::{SqliteMode, SqliteOptions, SqliteProvider};
use tempfile::TempDir;

use support::{LEASE, activities, activity, apply, commit_of, id, open_with, send, start, turns};

const LONG: Duration = Duration::from_secs(20);

async fn pair(directory: &TempDir) -> [SqliteProvider; 2] {
    let path = directory.path().join("data.db");
    let options = SqliteOptions::default().mode(SqliteMode::MultiProcess);
    let first = open_with(&path, options.clone()).await;
    [first, open_with(&path, options).await]
}

#[tokio::test]
async fn each_sees_the_others_work_and_waits_for_it() {
    let directory = TempDir::new().unwrap();
    let [first, second] = pair(&directory).await;
    let capabilities = first.capabilities();
    assert!(capabilities.multi_process && !capabilities.push_wakeups);
    assert!(
        second
            .claim_turns(&turns(9))
            .await
            .unwrap()
            .items
            .is_empty()
    );

    let queues = Queues {
        turns: vec![TaskQueue::default()],
        activities: Vec::new(),
    };
    let (waited, ()) = tokio::join!(
        second.wait_for_work(&queues, LONG),
        apply(&first, start("a"))
    );
    waited.unwrap();
    let turn = second.claim_turns(&turns(9)).await.unwrap().items.remove(0);
    assert!(first.claim_turns(&turns(9)).await.unwrap().items.is_empty());

    apply(&second, Commit::Turn(commit_of(&turn, vec![activity(1)]))).await;
    let claimed = first.claim_activities(&activities(9)).await.unwrap();
    assert_eq!(claimed.items.len(), 1);

    apply(&first, send("a", Duration::ZERO)).await;
    let turn = second.claim_turns(&turns(9)).await.unwrap().items.remove(0);
    let watched = [Watch {
        instance: id("a"),
        until: Until::Terminal,
    }];
    let mut end = commit_of(&turn, Vec::new());
    end.executions[0].status = ExecutionStatus::Completed;
    let (ended, ()) = tokio::join!(
        first.wait_for_change(&watched, LONG),
        apply(&second, Commit::Turn(end))
    );
    assert_eq!(ended.unwrap().len(), 1);
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn nothing_is_claimed_twice() {
    let directory = TempDir::new().unwrap();
    let [first, second] = pair(&directory).await;
    let starts = (0..40).map(|number| start(&format!("instance {number}")));
    assert!(
        first
            .commit(starts.collect())
            .await
            .iter()
            .all(Result::is_ok)
    );
    let mut claimed = Vec::new();
    for _ in 0..10 {
        let request = turns(2);
        let (one, other) = tokio::join!(first.claim_turns(&request), second.claim_turns(&request));
        for turn in [one, other].into_iter().flat_map(|it| it.unwrap().items) {
            claimed.push(turn.head.instance);
        }
    }
    assert_eq!(claimed.len(), 40);
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), 40);
    first.close().await;
    second.close().await;
}

const NOON_MS: u64 = 1_767_614_400_000;
const HOUR_MS: u64 = 3_600_000;

async fn at(directory: &TempDir, clock: &ManualClock) -> SqliteProvider {
    let path = directory.path().join("data.db");
    let options = SqliteOptions::default()
        .mode(SqliteMode::MultiProcess)
        .clock(Arc::new(clock.clone()));
    open_with(&path, options).await
}

/// The clock is set back after the death of a process: whoever opens the store afterwards waits for
/// its leases as long as they were given for, not for an hour longer.
#[tokio::test]
async fn leases_run_out_though_the_clock_was_set_back() {
    let directory = TempDir::new().unwrap();
    let clock = ManualClock::at_ms(NOON_MS);
    let first = at(&directory, &clock).await;
    apply(&first, start("a")).await;
    let turn = first.claim_turns(&turns(1)).await.unwrap().items.remove(0);
    apply(&first, Commit::Turn(commit_of(&turn, vec![activity(1)]))).await;
    let activity = first.claim_activities(&activities(1)).await.unwrap();
    let lease = Lease::Activity(activity.items[0].lease.clone());
    // It was long ago that the instance was written.
    clock.advance(LEASE / 2);
    let renewed = first.renew(&[lease.into()], LEASE).await.remove(0).unwrap();
    assert_eq!(renewed, Renewal::Renewed);
    drop(first);

    clock.set_ms(NOON_MS - HOUR_MS);
    let second = at(&directory, &clock).await;
    let claim = async || second.claim_activities(&activities(1)).await.unwrap().items;
    clock.advance(LEASE - Duration::from_millis(1));
    assert!(claim().await.is_empty());
    clock.advance(Duration::from_millis(1));
    assert_eq!(claim().await.len(), 1);
    second.close().await;
}

/// Two processes have begun at two times of the machine's clock. What the one has written comes
/// due for the other one as well, for example since the first one has died.
#[tokio::test]
async fn a_process_follows_the_time_of_the_others() {
    let directory = TempDir::new().unwrap();
    let before = ManualClock::at_ms(NOON_MS);
    let after = ManualClock::at_ms(NOON_MS - HOUR_MS);
    let first = at(&directory, &before).await;
    let second = at(&directory, &after).await;
    apply(&first, start("a")).await;

    let queues = Queues {
        turns: vec![TaskQueue::default()],
        activities: vec![TaskQueue::default()],
    };
    // By its own clock it would wait for an hour, and that clock stands still.
    let waited = tokio::time::timeout(LONG, second.wait_for_work(&queues, LONG));
    waited.await.unwrap().unwrap();

    let turn = second.claim_turns(&turns(1)).await.unwrap().items.remove(0);
    apply(&second, Commit::Turn(commit_of(&turn, vec![activity(1)]))).await;
    assert_eq!(
        first
            .claim_activities(&activities(1))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    first.close().await;
    second.close().await;
}
