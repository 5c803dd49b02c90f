//! What is particular to this provider; the conformance suite covers the contract.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::clock::ManualClock;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    Channel, ClaimTurns, Claimed, Commit, CommitId, Committed, Envelope, ErrorKind,
    ExecutionStatus, ExecutionUpdate, Fence, HeadUpdate, HistoryChunk, InstanceId, InstanceStatus,
    Lease, Message, NewInstance, Provider, Queues, Recipient, Release, ReleasedAttempts, TaskQueue,
    Turn, TurnCommit, Until, Watch,
};

use crate::{MemoryOptions, MemoryProvider};

const LEASE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

fn provider() -> (MemoryProvider, ManualClock) {
    let clock = ManualClock::at_ms(1_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    (MemoryProvider::with_options(options), clock)
}

fn id(text: &str) -> InstanceId {
    InstanceId::new(text).unwrap()
}

fn turns() -> Queues {
    Queues {
        turns: vec![TaskQueue::default()],
        activities: Vec::new(),
    }
}

fn start(instance: &str, delay: Duration) -> Commit {
    Commit::Send(Envelope {
        recipient: Recipient::NewInstance(NewInstance::new(id(instance), "test")),
        delay,
        message: Message {
            id: Entropy.message_id(),
            channel: Channel::System,
            execution: None,
            body: Bytes::from_static(b"start"),
        },
    })
}

async fn apply(provider: &MemoryProvider, commit: Commit) -> Committed {
    provider.commit(vec![commit]).await.remove(0).unwrap()
}

async fn claim(provider: &MemoryProvider) -> Claimed<Turn> {
    let request = ClaimTurns {
        messages_max: 10,
        bytes_max: 1_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 10, LEASE)
    };
    provider.claim_turns(&request).await.unwrap()
}

fn completing(turn: &Turn, commit_id: CommitId) -> Commit {
    Commit::Turn(TurnCommit {
        instance: turn.head.instance.clone(),
        commit_id,
        fence: Fence::At {
            lease: turn.lease.token,
            position: turn.head.position,
        },
        head: HeadUpdate {
            orchestration: turn.head.orchestration.clone(),
            version: None,
            core_state: Bytes::new(),
        },
        executions: vec![ExecutionUpdate {
            execution: 1,
            chunk: Some(HistoryChunk {
                first_event_id: 1,
                event_count: 2,
                body: Bytes::from_static(b"events"),
            }),
            status: ExecutionStatus::Completed,
            output: None,
        }],
        awaited: Vec::new(),
        suspended: None,
        expire_after: None,
        values: Vec::new(),
        consumed: turn.messages.iter().map(|message| message.id).collect(),
        purge_through: None,
        activities: Vec::new(),
        cancelled: Vec::new(),
        completed: Vec::new(),
        messages: Vec::new(),
    })
}

/// Polls once, without a runtime that would move things on its own.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Future::poll(
        std::pin::Pin::new(future),
        &mut Context::from_waker(Waker::noop()),
    )
}

#[tokio::test]
async fn a_fork_holds_what_there_was_and_goes_its_own_way() {
    let (provider, clock) = provider();
    apply(&provider, start("a", Duration::ZERO)).await;
    let turn = claim(&provider).await.items.remove(0);
    let fork = provider.fork();

    apply(&provider, completing(&turn, Entropy.commit_id())).await;
    provider.close().await;

    let head = fork.read_head(&id("a")).await.unwrap().unwrap();
    assert_eq!(head.status, InstanceStatus::Pending);
    assert!(claim(&fork).await.items.is_empty(), "the lease is kept");
    clock.advance(LEASE);
    let again = claim(&fork).await.items.remove(0);
    assert_eq!((again.attempt, &again.messages), (2, &turn.messages));

    let reopened = provider.fork();
    let head = reopened.read_head(&id("a")).await.unwrap().unwrap();
    assert_eq!(head.status, InstanceStatus::Completed);
}

#[tokio::test]
async fn a_fork_has_wake_ups_of_its_own() {
    let (provider, _clock) = provider();
    let fork = provider.fork();
    let queues = turns();
    let mut waiting = provider.wait_for_work(&queues, SECOND);
    let mut waiting_at_fork = fork.wait_for_work(&queues, SECOND);
    assert!(poll(&mut waiting).is_pending());
    assert!(poll(&mut waiting_at_fork).is_pending());

    apply(&fork, start("a", Duration::ZERO)).await;
    assert!(poll(&mut waiting_at_fork).is_ready());
    assert!(poll(&mut waiting).is_pending());
}

#[tokio::test]
async fn waiting_for_work_goes_by_what_is_there_and_by_the_clock() {
    let (provider, clock) = provider();
    let queues = turns();
    let mut waiting = provider.wait_for_work(&queues, LEASE * 10);
    assert!(poll(&mut waiting).is_pending());

    apply(&provider, start("a", SECOND)).await;
    assert!(poll(&mut waiting).is_pending(), "the delay has not passed");
    clock.advance(SECOND - Duration::from_millis(1));
    assert!(poll(&mut waiting).is_pending());
    clock.advance(Duration::from_millis(1));
    assert!(poll(&mut waiting).is_ready());

    let mut late = provider.wait_for_work(&queues, LEASE);
    assert!(poll(&mut late).is_ready(), "the work is still there");

    let turn = claim(&provider).await.items.remove(0);
    let mut waiting = provider.wait_for_work(&queues, LEASE * 10);
    assert!(poll(&mut waiting).is_pending(), "the work is leased");
    let released = provider.release(vec![Release::new(
        Lease::Turn(turn.lease),
        SECOND,
        ReleasedAttempts::TakeBack,
    )]);
    released.await.remove(0).unwrap();
    assert!(poll(&mut waiting).is_pending());
    clock.advance(SECOND);
    assert!(poll(&mut waiting).is_ready());
    assert_eq!(claim(&provider).await.items[0].attempt, 1);

    let mut waiting = provider.wait_for_work(&queues, SECOND);
    assert!(poll(&mut waiting).is_pending());
    clock.advance(SECOND);
    assert!(matches!(poll(&mut waiting), Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn waiting_for_a_change_ends_with_it_or_in_time() {
    let (provider, clock) = provider();
    apply(&provider, start("a", Duration::ZERO)).await;
    let watched = [Watch {
        instance: id("a"),
        until: Until::Terminal,
    }];
    let mut short = provider.wait_for_change(&watched, SECOND);
    let mut long = provider.wait_for_change(&watched, LEASE);
    assert!(poll(&mut short).is_pending() && poll(&mut long).is_pending());
    clock.advance(SECOND);
    assert!(matches!(poll(&mut short), Poll::Ready(Ok(heads)) if heads.is_empty()));
    assert!(poll(&mut long).is_pending());

    let turn = claim(&provider).await.items.remove(0);
    apply(&provider, completing(&turn, Entropy.commit_id())).await;
    assert!(matches!(poll(&mut long), Poll::Ready(Ok(heads)) if heads.len() == 1));
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Otherwise each of a thousand who wait would look at each of a thousand commits.
#[tokio::test]
async fn a_commit_wakes_nobody_who_watches_other_instances() {
    let (provider, _clock) = provider();
    apply(&provider, start("a", Duration::ZERO)).await;
    let [watched, others, unborn] = ["a", "b", "c"].map(|instance| {
        let instance = id(instance);
        let until = Until::Terminal;
        [Watch { instance, until }]
    });
    let count = Arc::new(Count::default());
    let woken = || count.0.load(Ordering::Relaxed);
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);

    let mut of_others = provider.wait_for_change(&others, LEASE);
    assert!(of_others.as_mut().poll(&mut cx).is_pending());
    let turn = claim(&provider).await.items.remove(0);
    apply(&provider, completing(&turn, Entropy.commit_id())).await;
    assert_eq!(woken(), 0);
    let mut of_watched = provider.wait_for_change(&watched, LEASE);
    assert!(of_watched.as_mut().poll(&mut cx).is_ready());
    drop(of_watched);

    let mut of_unborn = provider.wait_for_change(&unborn, LEASE);
    assert!(of_unborn.as_mut().poll(&mut cx).is_pending());
    apply(&provider, start("c", Duration::ZERO)).await;
    assert_eq!(woken(), 1, "a head that is new is a change");
    assert!(of_unborn.as_mut().poll(&mut cx).is_pending());

    assert!(provider.wakes.has_watchers());
    drop((of_unborn, of_others));
    assert!(!provider.wakes.has_watchers());
}

#[tokio::test]
async fn closing_ends_every_wait_and_refuses_every_member() {
    let (provider, _clock) = provider();
    let queues = turns();
    let watched = [Watch {
        instance: id("a"),
        until: Until::Terminal,
    }];
    let mut work = provider.wait_for_work(&queues, LEASE);
    let mut change = provider.wait_for_change(&watched, LEASE);
    assert!(poll(&mut work).is_pending() && poll(&mut change).is_pending());

    provider.close().await;
    assert!(matches!(poll(&mut work), Poll::Ready(Err(error)) if error.is_retryable()));
    assert!(matches!(poll(&mut change), Poll::Ready(Err(error)) if error.is_retryable()));
    let batch = vec![start("a", SECOND), start("b", SECOND)];
    let answers = provider.commit(batch).await;
    let kinds: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().unwrap_err().kind())
        .collect();
    assert_eq!(kinds, [ErrorKind::Unavailable; 2]);
}

#[tokio::test]
async fn dropped_futures_leave_no_trace() {
    let (provider, _clock) = provider();
    let queues = turns();
    let mut dropped = provider.wait_for_work(&queues, LEASE);
    assert!(poll(&mut dropped).is_pending());
    drop(dropped);
    drop(provider.commit(vec![start("never", Duration::ZERO)]));
    assert!(provider.read_head(&id("never")).await.unwrap().is_none());

    let mut waiting = provider.wait_for_work(&queues, LEASE);
    assert!(poll(&mut waiting).is_pending());
    apply(&provider, start("a", Duration::ZERO)).await;
    assert!(poll(&mut waiting).is_ready());
    assert_eq!(claim(&provider).await.items.len(), 1);
}

#[tokio::test]
async fn a_clock_that_goes_back_hides_nothing() {
    let (provider, clock) = provider();
    apply(&provider, start("a", Duration::ZERO)).await;
    clock.set_ms(0);
    assert_eq!(claim(&provider).await.items.len(), 1);
}

#[tokio::test]
async fn repeating_a_commit_comes_before_its_fence() {
    let (provider, clock) = provider();
    apply(&provider, start("a", Duration::ZERO)).await;
    let turn = claim(&provider).await.items.remove(0);
    let commit = completing(&turn, Entropy.commit_id());
    apply(&provider, commit.clone()).await;
    clock.advance(LEASE);
    let before = provider.read_head(&id("a")).await.unwrap();
    assert!(matches!(apply(&provider, commit).await, Committed::Turn(it) if it.repeated));
    assert_eq!(provider.read_head(&id("a")).await.unwrap(), before);
}
