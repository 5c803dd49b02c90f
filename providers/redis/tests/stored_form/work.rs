//! What is left to do in the store is done.

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityKey, ActivityLease, ActivityOutcome, Channel, ClaimTurns, Commit, Provider, TaskQueue,
};
use std::time::Duration;

use super::fill::{
    CHILD, ENDED, GPU, NOTE_DELAY, ODD, PARENT, RESERVED, SUSPENDED, TIMER, TWICE, WAITING, claim,
    claim_activities, life, message, to,
};
use super::stage::Stage;
use crate::HUNDRED_YEARS;
use crate::operations::{LEASE, apply, commit_of, id};

/// Claims what can be claimed, which is these instances with so many messages each, and commits it.
async fn work_on(provider: &dyn Provider, expected: &[(&str, usize)]) {
    let claim = ClaimTurns::new(vec![TaskQueue::default()], 20, LEASE);
    let turns = provider.claim_turns(&claim).await.unwrap().items;
    let mut found: Vec<(&str, usize)> = turns
        .iter()
        .map(|it| (it.head.instance.as_str(), it.messages.len()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    for turn in &turns {
        let mut commit = commit_of(turn, Vec::new());
        commit.awaited.clone_from(&turn.head.awaited);
        apply(provider, Commit::Turn(commit)).await;
    }
}

/// Ends an activity, with a message to its instance.
async fn end(provider: &dyn Provider, lease: ActivityLease, number: u128) {
    let outcome = ActivityOutcome {
        lease,
        message: Some(message(number, Channel::System)),
    };
    apply(provider, Commit::Activity(outcome)).await;
}

pub(crate) async fn go_on(stage: &Stage) {
    let provider = &*stage.open().await;
    end_activities(provider).await;
    work_on(provider, &[(ODD, 1), (PARENT, 3), (TWICE, 1), (WAITING, 4)]).await;
    stage.clock().elapse(TIMER).await;
    let timer = claim(provider, WAITING).await;
    assert_eq!(timer.messages[0].execution, Some(1));
    apply(provider, Commit::Turn(commit_of(&timer, Vec::new()))).await;
    let mail = claim(provider, PARENT).await;
    assert!(mail.has_mail && mail.messages.is_empty());
    let mut reads = commit_of(&mail, Vec::new());
    reads.consumed = vec![message(201, Channel::System).id];
    apply(provider, Commit::Turn(reads)).await;
    stage.clock().elapse(NOTE_DELAY - TIMER).await;
    let child = claim(provider, CHILD).await;
    assert_eq!((child.attempt, child.messages.len()), (2, 1));
    apply(provider, Commit::Turn(commit_of(&child, Vec::new()))).await;
    let head = provider.read_head(&id(CHILD)).await.unwrap().unwrap();
    assert_eq!(head.note, None);

    work_on(provider, &[]).await;
    let control = to(SUSPENDED, message(701, Channel::Control));
    apply(provider, Commit::Send(control)).await;
    let turn = claim(provider, SUSPENDED).await;
    assert_eq!(turn.messages.len(), 1);
    let mut resumes = commit_of(&turn, Vec::new());
    resumes.suspended = Some(false);
    apply(provider, Commit::Turn(resumes)).await;
    work_on(provider, &[(SUSPENDED, 1)]).await;
    clear(stage, provider).await;
    provider.close().await;
}

/// The one that is leased by its lease, and the others by claims.
async fn end_activities(provider: &dyn Provider) {
    let leased = ActivityLease {
        key: ActivityKey {
            instance: id(PARENT),
            incarnation: life(PARENT),
            execution: 1,
            activity_id: 1,
        },
        token: RESERVED,
    };
    end(provider, leased, 801).await;
    for (number, queue) in [(802, TaskQueue::DEFAULT), (803, GPU)] {
        let mut claimed = claim_activities(provider, queue).await;
        let activity = claimed.remove(0);
        assert!(claimed.is_empty(), "{queue}");
        let has_details = queue == TaskQueue::DEFAULT;
        let details = has_details.then_some(Bytes::from_static(b"\x00half way\xff"));
        assert_eq!(activity.details, details);
        assert_eq!(activity.attempt, if has_details { 2 } else { 1 });
        end(provider, activity.lease, number).await;
    }
}

/// Whatever has an end goes at its time, and what a removed instance has left at once.
async fn clear(stage: &Stage, provider: &dyn Provider) {
    const BUDGET: Duration = Duration::from_secs(20);
    let numbers = |names: &std::collections::BTreeSet<String>| {
        let numbers = names.iter().filter_map(|it| it.strip_prefix('n'));
        let numbers = numbers.filter_map(|it| it.split_once(':'));
        let numbers = numbers.map(|(number, _)| number.to_owned());
        numbers.collect::<std::collections::BTreeSet<_>>().len()
    };
    let names = stage.names().await;
    assert!(names.contains("gone"));
    assert_eq!(numbers(&names), 9);
    provider.maintain(BUDGET).await.unwrap();
    let names = stage.names().await;
    assert!(!names.contains("gone"));
    assert_eq!(numbers(&names), 8);

    stage.clock().elapse(HUNDRED_YEARS).await;
    provider.maintain(BUDGET).await.unwrap();
    assert_eq!(provider.read_head(&id(ENDED)).await.unwrap(), None);
    let names = stage.names().await;
    assert!(
        !names.contains("exp") && !names.contains("vexp"),
        "{names:?}"
    );
    assert_eq!(numbers(&names), 7);
}
