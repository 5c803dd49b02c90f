//! How core's types are written to the file.
//!
//! Core leaves this to each provider, since each has a form of its own for it. These definitions
//! mirror core's field by field; the compiler compares the two.

use bytes::Bytes;
use duroxide::providers::{
    ActivityKey, Channel, CommitId, ExecutionStatus, HistoryChunk, Incarnation, InstanceHead,
    InstanceId, InstanceStatus, Message, MessageId, Parent, Position, TaskQueue, Topic, ValueKey,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(remote = "InstanceHead")]
pub(crate) struct Head {
    instance: InstanceId,
    incarnation: Incarnation,
    #[serde(with = "queue")]
    queue: TaskQueue,
    parent: Option<Box<Parent>>,
    orchestration: String,
    version: Option<String>,
    #[serde(with = "HeadStatus")]
    status: InstanceStatus,
    #[serde(with = "optional_body")]
    output: Option<Bytes>,
    #[serde(with = "HeadPosition")]
    position: Position,
    commit_id: Option<CommitId>,
    #[serde(with = "body")]
    core_state: Bytes,
    #[serde(with = "topics")]
    awaited: Vec<Topic>,
    suspended: bool,
    created_at_ms: u64,
    updated_at_ms: u64,
    /// Kept beside the head.
    #[serde(skip)]
    note: Option<Bytes>,
    expires_at_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Position")]
struct HeadPosition {
    execution: u64,
    next_event_id: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "InstanceStatus")]
enum HeadStatus {
    Pending,
    Running,
    Completed,
    Failed,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ExecutionStatus")]
pub(crate) enum StatusOfExecution {
    Running,
    Completed,
    Failed,
    ContinuedAsNew,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "HistoryChunk")]
pub(crate) struct Chunk {
    first_event_id: u64,
    event_count: u64,
    #[serde(with = "body")]
    body: Bytes,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Message")]
pub(crate) struct StoredMessage {
    id: MessageId,
    #[serde(with = "StoredChannel")]
    channel: Channel,
    execution: Option<u64>,
    #[serde(with = "body")]
    body: Bytes,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Channel")]
enum StoredChannel {
    Control,
    System,
    Topic(#[serde(with = "topic")] Topic),
}

mod topic {
    use super::{Deserialize, Topic};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(topic: &Topic, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(topic.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Topic, D::Error> {
        String::deserialize(from).map(|name| Topic::from(name.as_str()))
    }
}

mod topics {
    use super::{Deserialize, Topic};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(topics: &[Topic], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(topics.iter().map(Topic::as_str))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Topic>, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        Ok(names
            .iter()
            .map(|name| Topic::from(name.as_str()))
            .collect())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ActivityKey")]
pub(crate) struct Key {
    instance: InstanceId,
    incarnation: Incarnation,
    execution: u64,
    activity_id: u64,
}

pub(crate) mod queue {
    use super::{Deserialize, TaskQueue};
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(queue: &TaskQueue, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&queue.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TaskQueue, D::Error> {
        String::deserialize(from).map(|name| TaskQueue(name.into()))
    }
}

pub(crate) mod key {
    use super::{Deserialize, ValueKey};
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(key: &ValueKey, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(key.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ValueKey, D::Error> {
        String::deserialize(from).map(|name| ValueKey::from(name.as_str()))
    }
}

/// Bytes as text with one character for each of them, U+0000 to U+00FF. It holds any bytes
/// (HIS-07), and what was text in ASCII can be read in the file.
pub(crate) mod body {
    use super::{Bytes, Deserialize, Serialize};
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(body: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        let text: String = body.iter().copied().map(char::from).collect();
        text.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(from)?;
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        bytes.map(Bytes::from).map_err(D::Error::custom)
    }
}

pub(crate) mod optional_body {
    use super::{Bytes, Deserialize, Serialize, body};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Body(#[serde(with = "body")] Bytes);

    pub(crate) fn serialize<S: Serializer>(it: &Option<Bytes>, to: S) -> Result<S::Ok, S::Error> {
        it.clone().map(Body).serialize(to)
    }

    pub(crate) fn deserialize<'de, D>(from: D) -> Result<Option<Bytes>, D::Error>
    where
        D: Deserializer<'de>,
    {
        Ok(Option::<Body>::deserialize(from)?.map(|body| body.0))
    }
}
