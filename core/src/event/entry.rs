//! An event with its place in history.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kind::EventKind;
use crate::providers::InstanceId;

/// An event, as programs and people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its id within the execution, from 1.
    pub event_id: u64,
    /// The event that it answers: a completion names the decision it completes.
    pub source_event_id: Option<u64>,
    /// The instance.
    pub instance_id: String,
    /// The execution.
    pub execution_id: u64,
    /// When it was recorded, in milliseconds since the Unix epoch, by the recording node's clock.
    pub timestamp_ms: u64,
    /// The version of duroxide that recorded it.
    pub duroxide_version: String,
    /// The message that brought it, where repeats must be told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Uuid>,
    /// What it says.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// An event with an id, recorded at an unknown time by this version.
    pub fn with_event_id(
        event_id: u64,
        instance_id: impl Into<String>,
        execution_id: u64,
        source_event_id: Option<u64>,
        kind: EventKind,
    ) -> Self {
        Self {
            event_id,
            source_event_id,
            instance_id: instance_id.into(),
            execution_id,
            timestamp_ms: 0,
            duroxide_version: env!("CARGO_PKG_VERSION").to_owned(),
            message_id: None,
            kind,
        }
    }

    /// An event that has no id yet.
    pub fn new(
        instance_id: impl Into<String>,
        execution_id: u64,
        source_event_id: Option<u64>,
        kind: EventKind,
    ) -> Self {
        Self::with_event_id(0, instance_id, execution_id, source_event_id, kind)
    }

    /// Its id within the execution.
    #[must_use]
    pub fn event_id(&self) -> u64 {
        self.event_id
    }

    /// The event that it answers.
    #[must_use]
    pub fn source_event_id(&self) -> Option<u64> {
        self.source_event_id
    }

    /// Whether it ends the execution.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.kind.is_terminal()
    }
}

/// An event as the engine handles it: without what all events of an execution share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id; not encoded, since the chunk says where it begins.
    #[serde(skip)]
    pub event_id: u64,
    /// The event that it answers.
    #[serde(rename = "src", default, skip_serializing_if = "Option::is_none")]
    pub source_event_id: Option<u64>,
    /// When it was recorded, in milliseconds since the Unix epoch.
    #[serde(rename = "at")]
    pub timestamp_ms: u64,
    /// The message that brought it, where repeats must be told apart.
    #[serde(rename = "msg", default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Uuid>,
    /// What it says.
    pub kind: EventKind,
}

impl Entry {
    /// The event that this is, in an instance's execution.
    #[must_use]
    pub fn into_event(
        self,
        instance: &InstanceId,
        execution_id: u64,
        duroxide_version: &str,
    ) -> Event {
        Event {
            event_id: self.event_id,
            source_event_id: self.source_event_id,
            instance_id: instance.as_str().to_owned(),
            execution_id,
            timestamp_ms: self.timestamp_ms,
            duroxide_version: duroxide_version.to_owned(),
            message_id: self.message_id,
            kind: self.kind,
        }
    }
}
