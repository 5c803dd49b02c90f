//! Several providers on one file. To SQLite two handles are what two processes are.

mod support;

use std::time::Duration;

use duroxide_core::providers::{Commit, Provider, Queues, Until, Watch};
use duroxide_sqlite::{SqliteMode, SqliteOptions, SqliteProvider};
use tempfile::TempDir;

use support::{activities, activity, apply, commit_of, id, open_with, start, turns};

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
        turns: true,
        activities: Vec::new(),
    };
    let (waited, ()) = tokio::join!(
        second.wait_for_work(&queues, LONG),
        apply(&first, start("a"))
    );
    waited.unwrap();
    let turn = second.claim_turns(&turns(9)).await.unwrap().items.remove(0);
    assert!(first.claim_turns(&turns(9)).await.unwrap().items.is_empty());

    let watched = [Watch {
        instance: id("a"),
        until: Until::CommitOtherThan(None),
    }];
    let commit = Commit::Turn(commit_of(&turn, vec![activity(1)]));
    let (changed, ()) = tokio::join!(
        first.wait_for_change(&watched, LONG),
        apply(&second, commit)
    );
    assert_eq!(changed.unwrap().len(), 1);
    let claimed = first.claim_activities(&activities(9)).await.unwrap();
    assert_eq!(claimed.items.len(), 1);
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
