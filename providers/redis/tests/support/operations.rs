//! The operations that the tests ask for, in their simplest form.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    ActivityOutcome, Channel, ClaimActivities, ClaimTurns, ClaimedActivity, Commit, Committed,
    Envelope, ExecutionStatus, ExecutionUpdate, Fence, HeadUpdate, HistoryChunk, InstanceId,
    Message, NewActivity, NewInstance, Provider, ProviderError, Queues, Recipient, TaskQueue, Turn,
    TurnCommit,
};

pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) fn id(instance: &str) -> InstanceId {
    InstanceId::new(instance).unwrap()
}

fn message() -> Message {
    Message {
        id: Entropy.message_id(),
        channel: Channel::System,
        execution: None,
        body: Bytes::from_static(b"message"),
    }
}

/// A client's start of this instance.
pub(crate) fn start(instance: &str) -> Commit {
    Commit::Send(Envelope {
        recipient: Recipient::NewInstance(NewInstance::new(id(instance), "Orchestration")),
        delay: Duration::ZERO,
        message: message(),
    })
}

/// A message to this instance.
pub(crate) fn envelope(instance: &str) -> Envelope {
    Envelope {
        recipient: Recipient::Instance {
            instance: id(instance),
            incarnation: None,
        },
        delay: Duration::ZERO,
        message: message(),
    }
}

/// A client's message to this instance.
pub(crate) fn send(instance: &str) -> Commit {
    Commit::Send(envelope(instance))
}

pub(crate) fn turns(turns_max: usize) -> ClaimTurns {
    ClaimTurns {
        messages_max: 100,
        bytes_max: 1024 * 1024,
        ..ClaimTurns::new(vec![TaskQueue::default()], turns_max, LEASE)
    }
}

pub(crate) fn turn_queue() -> Queues {
    Queues {
        turns: vec![TaskQueue::default()],
        activities: Vec::new(),
    }
}

pub(crate) fn activities(activities_max: usize) -> ClaimActivities {
    ClaimActivities::new(vec![TaskQueue::default()], activities_max, LEASE)
}

pub(crate) fn activity(activity_id: u64) -> NewActivity {
    NewActivity {
        execution: 1,
        activity_id,
        queue: TaskQueue::default(),
        reservation: None,
        body: Bytes::from_static(b"activity"),
    }
}

pub(crate) fn outcome(activity: &ClaimedActivity) -> Commit {
    Commit::Activity(ActivityOutcome {
        lease: activity.lease.clone(),
        message: Some(message()),
    })
}

fn chunk(first_event_id: u64) -> Option<HistoryChunk> {
    Some(HistoryChunk {
        first_event_id,
        event_count: 1,
        body: Bytes::from_static(b"chunk"),
    })
}

/// A commit that consumes the turn's messages, appends an event and schedules activities.
pub(crate) fn commit_of(turn: &Turn, activities: Vec<NewActivity>) -> TurnCommit {
    let position = turn.head.position;
    TurnCommit {
        instance: turn.head.instance.clone(),
        commit_id: Entropy.commit_id(),
        fence: Fence::At {
            lease: turn.lease.token,
            position,
        },
        head: HeadUpdate {
            orchestration: turn.head.orchestration.clone(),
            version: None,
            core_state: Bytes::new(),
        },
        executions: vec![ExecutionUpdate {
            execution: position.execution,
            chunk: chunk(position.next_event_id),
            status: ExecutionStatus::Running,
            output: None,
        }],
        awaited: Vec::new(),
        suspended: None,
        expire_after: None,
        values: Vec::new(),
        consumed: turn.messages.iter().map(|message| message.id).collect(),
        purge_through: None,
        activities,
        cancelled: Vec::new(),
        completed: Vec::new(),
        messages: Vec::new(),
    }
}

/// A commit that ends the instance.
pub(crate) fn end_of(turn: &Turn) -> TurnCommit {
    let mut commit = commit_of(turn, Vec::new());
    commit.executions[0].status = ExecutionStatus::Completed;
    commit.executions[0].output = Some(Bytes::from_static(b"output"));
    commit
}

/// Commits one operation.
pub(crate) async fn commit(
    provider: &dyn Provider,
    operation: Commit,
) -> Result<Committed, ProviderError> {
    provider.commit(vec![operation]).await.pop().unwrap()
}

/// Commits operations that must succeed.
pub(crate) async fn apply_all(provider: &dyn Provider, operations: Vec<Commit>) {
    let answers = provider.commit(operations).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

/// Commits one operation that must succeed.
pub(crate) async fn apply(provider: &dyn Provider, operation: Commit) {
    apply_all(provider, vec![operation]).await;
}

/// Claims the turns of these instances, which are all that can be claimed.
pub(crate) async fn claim_all(provider: &dyn Provider, instances: &[&str]) -> Vec<Turn> {
    let claimed = provider.claim_turns(&turns(100)).await.unwrap();
    let mut found = claimed.items;
    assert_eq!(found.len(), instances.len(), "{found:?}");
    instances
        .iter()
        .map(|&instance| {
            let place = found.iter().position(|it| &*it.head.instance == instance);
            found.swap_remove(place.unwrap())
        })
        .collect()
}

/// Claims the only turn that is due.
pub(crate) async fn claim_turn(provider: &dyn Provider) -> Turn {
    let mut claimed = provider.claim_turns(&turns(9)).await.unwrap().items;
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

/// Claims the only activity that is due.
pub(crate) async fn claim_activity(provider: &dyn Provider) -> ClaimedActivity {
    let mut claimed = provider.claim_activities(&activities(9)).await.unwrap();
    assert_eq!(claimed.items.len(), 1);
    claimed.items.remove(0)
}

/// Runs an instance with one activity from its start to its end.
pub(crate) async fn run_one(provider: &dyn Provider, instance: &str) {
    apply(provider, start(instance)).await;
    let turn = claim_turn(provider).await;
    apply(provider, Commit::Turn(commit_of(&turn, vec![activity(1)]))).await;
    let activity = claim_activity(provider).await;
    apply(provider, outcome(&activity)).await;
    let turn = claim_turn(provider).await;
    assert_eq!(turn.head.instance, id(instance));
    assert_eq!(turn.messages.len(), 1);
    apply(provider, Commit::Turn(end_of(&turn))).await;
}
