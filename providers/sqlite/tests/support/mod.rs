//! What the tests of this backend share.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    Channel, ClaimActivities, ClaimTurns, Commit, Envelope, ExecutionStatus, ExecutionUpdate,
    Fence, HeadUpdate, HistoryChunk, InstanceId, Message, NewActivity, NewInstance, Provider,
    Recipient, TaskQueue, Turn, TurnCommit,
};
use duroxide_sqlite::{SqliteOptions, SqliteProvider};

pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) async fn open(path: &Path) -> SqliteProvider {
    open_with(path, SqliteOptions::default()).await
}

pub(crate) async fn open_with(path: &Path, options: SqliteOptions) -> SqliteProvider {
    let url = format!("sqlite:{}", path.display());
    SqliteProvider::new(&url, Some(options)).await.unwrap()
}

pub(crate) fn id(instance: &str) -> InstanceId {
    InstanceId::new(instance).unwrap()
}

fn message(channel: Channel) -> Message {
    Message {
        id: Entropy.message_id(),
        channel,
        execution: None,
        body: Bytes::from_static(b"message"),
    }
}

/// A client's start of this instance.
pub(crate) fn start(instance: &str) -> Commit {
    Commit::Send(Envelope {
        recipient: Recipient::NewInstance(NewInstance::new(id(instance), "Orchestration")),
        delay: Duration::ZERO,
        message: message(Channel::System),
    })
}

/// A client's message to this instance.
pub(crate) fn send(instance: &str, delay: Duration) -> Commit {
    send_on(Channel::System, instance, delay)
}

/// A client's mail to this instance.
pub(crate) fn mail(instance: &str, topic: &str) -> Commit {
    send_on(Channel::Topic(topic.into()), instance, Duration::ZERO)
}

fn send_on(channel: Channel, instance: &str, delay: Duration) -> Commit {
    Commit::Send(Envelope {
        recipient: Recipient::Instance {
            instance: id(instance),
            incarnation: None,
        },
        delay,
        message: message(channel),
    })
}

pub(crate) fn turns(turns_max: usize) -> ClaimTurns {
    ClaimTurns {
        messages_max: 100,
        bytes_max: 1024 * 1024,
        ..ClaimTurns::new(vec![TaskQueue::default()], turns_max, LEASE)
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
            chunk: Some(HistoryChunk {
                first_event_id: position.next_event_id,
                event_count: 1,
                body: Bytes::from_static(b"chunk"),
            }),
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

/// Commits one operation that must succeed.
pub(crate) async fn apply(provider: &SqliteProvider, operation: Commit) {
    let answers = provider.commit(vec![operation]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}
