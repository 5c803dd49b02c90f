//! Operations on a provider, with as little in them as they need.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    ActivityOutcome, ClaimActivities, ClaimTurns, ClaimedActivity, Commit, Committed, Envelope,
    ExecutionStatus, ExecutionUpdate, Fence, HeadUpdate, HistoryChunk, InstanceId,
    LeaseAfterCommit, Message, NewActivity, Provider, ProviderError, Queues, Recipient, TaskQueue,
    Turn, TurnCommit,
};

pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) fn id(instance: &str) -> InstanceId {
    InstanceId::new(instance).unwrap()
}

pub(crate) fn message() -> Message {
    Message {
        id: Entropy.message_id(),
        execution: None,
        body: Bytes::from_static(b"message"),
    }
}

/// A client's start of this instance.
pub(crate) fn start(instance: &str) -> Commit {
    Commit::Send(Envelope {
        recipient: Recipient::NewInstance {
            instance: id(instance),
            orchestration: "Orchestration".to_owned(),
            core_state: Bytes::new(),
        },
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

/// A turn that consumes the messages of a claimed one and appends an event.
pub(crate) fn turn_of(turn: &Turn) -> TurnCommit {
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
        consumed: turn.messages.iter().map(|message| message.id).collect(),
        purge_through: None,
        activities: Vec::new(),
        cancelled: Vec::new(),
        completed: Vec::new(),
        messages: Vec::new(),
        lease: LeaseAfterCommit::Release,
    }
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

pub(crate) fn outcome_of(activity: &ClaimedActivity) -> Commit {
    Commit::Activity(ActivityOutcome {
        lease: activity.lease.clone(),
        message: Some(message()),
    })
}

pub(crate) fn turns(turns_max: usize, lease: Duration) -> ClaimTurns {
    ClaimTurns {
        turns_max,
        messages_max: 100,
        bytes_max: 1024 * 1024,
        lease,
    }
}

pub(crate) fn activities(activities_max: usize) -> ClaimActivities {
    ClaimActivities {
        queues: vec![TaskQueue::default()],
        activities_max,
        lease: LEASE,
    }
}

pub(crate) fn turn_queue() -> Queues {
    Queues {
        turns: true,
        activities: Vec::new(),
    }
}

/// Commits operations that must succeed.
pub(crate) async fn apply(provider: &dyn Provider, operations: Vec<Commit>) {
    let answers = provider.commit(operations).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

/// Commits one operation.
pub(crate) async fn commit(
    provider: &dyn Provider,
    operation: Commit,
) -> Result<Committed, ProviderError> {
    provider.commit(vec![operation]).await.pop().unwrap()
}

/// Claims the turns of these instances, which are all that can be claimed.
pub(crate) async fn claim_all(provider: &dyn Provider, instances: &[&str]) -> Vec<Turn> {
    let claimed = provider.claim_turns(&turns(100, LEASE)).await.unwrap();
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
