//! The faults of `Faulty`, one by one, on the in-memory provider.
#![expect(clippy::expect_used, reason = "a failed test panics")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{
    Channel, ClaimTurns, Claimed, Commit, Committed, Envelope, ErrorKind, InstanceFilter,
    InstanceId, Message, MessageId, NewInstance, Provider, ProviderError, Queues, Recipient,
    TaskQueue, Turn,
};
use duroxide_memory::{MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{Effect, Fault, Faulty, Given, Operation, When};
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(30);

fn on_memory(fault: Fault) -> Faulty<MemoryProvider> {
    Faulty::new(Arc::new(MemoryProvider::new())).with_faults([fault])
}

fn first(operation: Operation, effect: Effect) -> Fault {
    Fault {
        operation,
        when: When::Nth(1),
        effect,
    }
}

fn id(text: &str) -> InstanceId {
    InstanceId::new(text).expect("a valid id")
}

fn start(instance: &str, message: u128) -> Commit {
    Commit::Send(Envelope {
        recipient: Recipient::NewInstance(NewInstance::new(id(instance), "Any")),
        delay: Duration::ZERO,
        message: Message {
            id: MessageId(Uuid::from_u128(message)),
            channel: Channel::System,
            execution: None,
            body: Bytes::new(),
        },
    })
}

async fn claim(provider: &dyn Provider) -> Result<Claimed<Turn>, ProviderError> {
    let request = ClaimTurns {
        messages_max: 10,
        bytes_max: 1_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 10, LEASE)
    };
    provider.claim_turns(&request).await
}

async fn exists(provider: &dyn Provider, instance: &str) -> bool {
    let head = provider.read_head(&id(instance)).await;
    head.expect("the read is not faulty").is_some()
}

fn kinds<T>(answers: &[Result<T, ProviderError>]) -> Vec<Option<ErrorKind>> {
    let kind = |answer: &Result<T, ProviderError>| answer.as_ref().err().map(ProviderError::kind);
    answers.iter().map(kind).collect()
}

#[tokio::test]
async fn what_fails_before_the_call_does_not_happen() {
    let effect = Effect::FailBefore(ErrorKind::Unavailable);
    let faulty = on_memory(first(Operation::Commit, effect));

    let refused = faulty.commit(vec![start("a", 1), start("b", 2)]).await;

    assert_eq!(kinds(&refused), [Some(ErrorKind::Unavailable); 2]);
    assert!(!exists(&faulty, "a").await && !exists(&faulty, "b").await);
    assert_eq!(kinds(&faulty.commit(vec![start("a", 1)]).await), [None]);
    assert!(exists(&faulty, "a").await);
}

#[tokio::test]
async fn what_loses_its_reply_has_happened() {
    let faulty = on_memory(first(Operation::Commit, Effect::LoseReply));

    let lost = faulty.commit(vec![start("a", 1), start("b", 2)]).await;

    assert_eq!(kinds(&lost), [Some(ErrorKind::CommitUnknown); 2]);
    assert!(exists(&faulty, "a").await && exists(&faulty, "b").await);
}

#[tokio::test]
async fn a_claim_that_loses_its_reply_holds_its_leases() {
    let faulty = on_memory(first(Operation::ClaimTurns, Effect::LoseReply));
    faulty.commit(vec![start("a", 1)]).await;

    let lost = claim(&faulty).await.expect_err("the reply is lost");

    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    let claimed = claim(&faulty).await.expect("the second claim works");
    assert_eq!(claimed.items, [], "the first one holds the lease");
}

#[tokio::test]
async fn what_is_dropped_before_its_first_poll_does_not_happen() {
    let faulty = on_memory(first(Operation::Commit, Effect::DropAfterPolls(0)));

    let lost = faulty.commit(vec![start("a", 1)]).await;

    assert_eq!(kinds(&lost), [Some(ErrorKind::CommitUnknown)]);
    assert!(!exists(&faulty, "a").await);
}

#[tokio::test]
async fn what_ends_before_it_is_dropped_has_happened() {
    let faulty = on_memory(first(Operation::Commit, Effect::DropAfterPolls(1)));

    let lost = faulty.commit(vec![start("a", 1)]).await;

    assert_eq!(kinds(&lost), [Some(ErrorKind::CommitUnknown)]);
    assert!(exists(&faulty, "a").await, "memory ends at the first poll");
}

#[tokio::test]
async fn a_wait_is_dropped_half_way() {
    let faulty = on_memory(first(Operation::WaitForWork, Effect::DropAfterPolls(3)));
    let turns = Queues {
        turns: vec![TaskQueue::default()],
        activities: Vec::new(),
    };

    let waiting = faulty.wait_for_work(&turns, Duration::from_hours(1));
    let dropped = tokio::time::timeout(Duration::from_secs(3), waiting).await;

    let dropped = dropped.expect("the wait does not go on");
    assert_eq!(
        dropped.expect_err("the answer is lost").kind(),
        ErrorKind::Unavailable
    );
}

#[tokio::test]
async fn a_delay_goes_by_the_clock() {
    let clock = ManualClock::at_ms(1);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let memory = Arc::new(MemoryProvider::with_options(options));
    let delay = Effect::Delay(Duration::from_secs(5));
    let faulty = Faulty::new(Arc::clone(&memory))
        .with_clock(Arc::new(clock.clone()))
        .with_faults([first(Operation::Commit, delay)]);

    let mut commit = faulty.commit(vec![start("a", 1)]);
    let early = tokio::time::timeout(Duration::from_millis(20), &mut commit).await;
    assert!(early.is_err(), "the clock stands still");
    assert!(!exists(&*memory, "a").await, "the call was not made yet");
    clock.advance(Duration::from_secs(5));

    assert_eq!(kinds(&commit.await), [None]);
    assert!(exists(&*memory, "a").await);
}

#[tokio::test]
async fn a_duplicate_gives_the_answer_that_was_asked_for() {
    for (given, items) in [(Given::First, 1), (Given::Second, 0)] {
        let faulty = on_memory(first(Operation::ClaimTurns, Effect::Duplicate(given)));
        faulty.commit(vec![start("a", 1)]).await;

        let claimed = claim(&faulty).await.expect("a duplicate is answered");

        assert_eq!(claimed.items.len(), items, "{given:?}");
    }
}

#[tokio::test]
async fn a_duplicated_start_is_repeated_with_its_id() {
    let twice = Effect::Duplicate(Given::Second);
    let faulty = on_memory(first(Operation::Commit, twice));

    let answers = faulty.commit(vec![start("a", 1)]).await;

    assert_eq!(
        answers.first().and_then(|a| a.as_ref().ok()),
        Some(&Committed::Sent)
    );
}

#[tokio::test]
async fn faults_come_at_the_calls_that_they_name() {
    let failing = |when| async move {
        let faulty = on_memory(Fault {
            operation: Operation::ReadHead,
            when,
            effect: Effect::FailBefore(ErrorKind::Unavailable),
        });
        let mut failed = Vec::new();
        for call in 1..=7 {
            if faulty.read_head(&id("a")).await.is_err() {
                failed.push(call);
            }
        }
        assert_eq!(faulty.calls(Operation::ReadHead), 7);
        assert_eq!(faulty.faults(), failed.len() as u64);
        failed
    };
    assert_eq!(failing(When::Nth(3)).await, [3]);
    assert_eq!(failing(When::EveryNth(3)).await, [3, 6]);
    assert_eq!(failing(When::EveryNth(0)).await, [0; 0]);
    assert_eq!(failing(When::FromNth(6)).await, [6, 7]);
}

#[tokio::test]
async fn the_script_can_change_and_the_counts_go_on() {
    let faulty = on_memory(first(Operation::Commit, Effect::LoseReply));
    faulty.read_head(&id("a")).await.expect("no fault is there");
    let effect = Effect::FailBefore(ErrorKind::Corrupt);
    faulty.set_faults([Fault {
        operation: Operation::ReadHead,
        when: When::Nth(2),
        effect,
    }]);

    let failed = faulty.read_head(&id("a")).await;

    assert_eq!(failed.expect_err("the second").kind(), ErrorKind::Corrupt);
    assert_eq!(faulty.calls(Operation::ReadHead), 2);
    assert_eq!(faulty.calls(Operation::Commit), 0);
}

#[tokio::test]
async fn management_fails_as_well() {
    let faulty = on_memory(Fault {
        operation: Operation::ListInstances,
        when: When::FromNth(1),
        effect: Effect::FailBefore(ErrorKind::Unavailable),
    });
    let admin = faulty.admin();

    let failed = admin.list_instances(&InstanceFilter::default()).await;

    assert_eq!(failed.expect_err("a fault").kind(), ErrorKind::Unavailable);
    assert!(admin.metrics().await.is_ok());
}
