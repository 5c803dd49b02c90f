//! Stores of their own, and the operations that the tests ask for.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    Channel, ClaimTurns, Commit, Envelope, ExecutionStatus, ExecutionUpdate, Fence, HeadUpdate,
    HistoryChunk, InstanceId, Labels, Message, NewActivity, NewInstance, Position, Provider,
    Recipient, TaskQueue, Turn, TurnCommit,
};
use duroxide_provider_tests::servers::{ServerKind, server};
use duroxide_redis::{RedisOptions, RedisProvider};

/// A store of its own on the server of the tests.
pub(crate) struct Place {
    url: String,
    prefix: String,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let found = tokio::task::spawn_blocking(|| server(ServerKind::Redis)).await;
        Self {
            url: found.unwrap().unwrap().url().to_owned(),
            prefix: format!("duroxide-looks-{}", Entropy.lease_token().0.simple()),
        }
    }

    pub(crate) async fn open(&self) -> RedisProvider {
        let options = RedisOptions::default().key_prefix(&self.prefix);
        RedisProvider::new(&self.url, Some(options)).await.unwrap()
    }

    /// The ends of the keys that there are.
    pub(crate) async fn keys(&self) -> BTreeSet<String> {
        let client = redis::Client::open(&*self.url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd("KEYS");
        command.arg(format!("{{{}:*", self.prefix));
        let keys: Vec<String> = command.query_async(&mut connection).await.unwrap();
        let end = |key: &String| Some(key.split_once("}:")?.1.to_owned());
        keys.iter().filter_map(end).collect()
    }

    /// Removes what is left of the store.
    pub(crate) async fn clear(&self) {
        let client = redis::Client::open(&*self.url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        for key in self.keys().await {
            let mut command = redis::cmd("UNLINK");
            command.arg(format!("{{{}:0}}:{key}", self.prefix));
            let () = command.query_async(&mut connection).await.unwrap();
        }
    }
}

fn message(channel: Channel) -> Message {
    Message {
        id: Entropy.message_id(),
        channel,
        execution: None,
        body: Bytes::from_static(b"message"),
    }
}

pub(crate) fn id(instance: &str) -> InstanceId {
    InstanceId::new(instance).unwrap()
}

/// A client's start of an instance with these labels.
pub(crate) fn start(instance: &str, labels: Labels) -> Commit {
    let newborn = NewInstance {
        labels,
        ..NewInstance::new(id(instance), "Orchestration")
    };
    Commit::Send(Envelope {
        recipient: Recipient::NewInstance(newborn),
        delay: Duration::ZERO,
        message: message(Channel::System),
    })
}

/// A client's message to this instance.
pub(crate) fn send(instance: &str, channel: Channel) -> Commit {
    Commit::Send(Envelope {
        recipient: Recipient::Instance {
            instance: id(instance),
            incarnation: None,
        },
        delay: Duration::ZERO,
        message: message(channel),
    })
}

pub(crate) async fn apply(provider: &RedisProvider, operations: Vec<Commit>) {
    for answer in provider.commit(operations).await {
        answer.unwrap();
    }
}

/// Claims the only turn there is.
pub(crate) async fn claim(provider: &RedisProvider) -> Turn {
    let claim = ClaimTurns {
        messages_max: 10,
        bytes_max: 1024,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::from_secs(30))
    };
    provider.claim_turns(&claim).await.unwrap().items.remove(0)
}

/// An execution of one event that ends like this.
pub(crate) fn execution(execution: u64, status: ExecutionStatus) -> ExecutionUpdate {
    ExecutionUpdate {
        execution,
        chunk: Some(HistoryChunk {
            first_event_id: 1,
            event_count: 1,
            body: Bytes::from_static(b"event"),
        }),
        status,
        output: None,
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

/// The first turn of an instance, which goes through these executions.
pub(crate) fn first_turn(
    turn: &Turn,
    executions: Vec<ExecutionUpdate>,
    activities: Vec<NewActivity>,
) -> Commit {
    Commit::Turn(TurnCommit {
        instance: turn.head.instance.clone(),
        commit_id: Entropy.commit_id(),
        fence: Fence::At {
            lease: turn.lease.token,
            position: Position::START,
        },
        head: HeadUpdate {
            orchestration: turn.head.orchestration.clone(),
            version: None,
            core_state: Bytes::new(),
        },
        executions,
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
    })
}
