//! The head of an instance, as scripts keep it.

use bytes::Bytes;
use duroxide_core::providers::{
    CommitId, Incarnation, InstanceHead, InstanceId, Parent, Position, ProviderError, TaskQueue,
    Topic,
};
use serde::Deserialize;

use crate::codec;
use crate::codes::{Id, Number, StatusCode};
use crate::error;

/// What `K i:<id>` holds. Names are short, since every instance has them; a field that is not there is
/// `None`, zero or false.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredHead {
    /// By which its other keys are found; each life of an id has its own.
    #[serde(rename = "n")]
    pub(crate) number: Number,
    #[serde(rename = "ic")]
    pub(crate) incarnation: Id,
    #[serde(rename = "q")]
    pub(crate) queue: String,
    #[serde(rename = "pi", default)]
    pub(crate) parent: Option<String>,
    #[serde(rename = "pc", default)]
    pub(crate) parent_incarnation: Option<Id>,
    #[serde(rename = "o")]
    pub(crate) orchestration: String,
    #[serde(rename = "v", default)]
    pub(crate) version: Option<String>,
    #[serde(rename = "st")]
    pub(crate) status: StatusCode,
    #[serde(rename = "ex")]
    pub(crate) execution: Number,
    #[serde(rename = "ev")]
    pub(crate) next_event: Number,
    #[serde(rename = "ci", default)]
    pub(crate) commit: Option<Id>,
    #[serde(rename = "cs")]
    pub(crate) core_state: Bytes,
    /// The output of the current execution, if it is not long.
    #[serde(rename = "op", default)]
    pub(crate) output: Option<Bytes>,
    #[serde(rename = "aw", default)]
    pub(crate) awaited: Vec<String>,
    #[serde(rename = "su", default)]
    pub(crate) suspended: bool,
    #[serde(rename = "cr")]
    pub(crate) created_at_ms: u64,
    #[serde(rename = "up")]
    pub(crate) updated_at_ms: u64,
    #[serde(rename = "xp", default)]
    pub(crate) expires_at_ms: Option<u64>,
    /// The proof of the lease that was given last, held or expired.
    #[serde(rename = "tk", default)]
    pub(crate) token: Option<Id>,
    /// The messages of control and of turns, while they are few and small; else they lie beside it.
    #[serde(rename = "mi", default)]
    pub(crate) held: Vec<HeldMessage>,
    /// Until when nobody claims it, for a lease or for the delay of a release.
    #[serde(rename = "un")]
    pub(crate) held_until_ms: u64,
    #[serde(rename = "at", default)]
    pub(crate) attempts: u32,
    /// From when on a claim returns it.
    #[serde(rename = "ra", default)]
    pub(crate) ready_at_ms: Option<u64>,
}

/// A message in a head.
#[derive(Debug, Deserialize)]
pub(crate) struct HeldMessage {
    pub(crate) channel: String,
    pub(crate) due_at_ms: u64,
    _number: Number,
    pub(crate) id: Id,
    pub(crate) body: Bytes,
    #[serde(default)]
    pub(crate) execution: Option<Number>,
}

impl StoredHead {
    /// Reads what a script has handed out.
    pub(crate) fn read(operation: &'static str, bytes: &[u8]) -> Result<Self, ProviderError> {
        codec::decode(bytes).map_err(|cause| error::corrupt(operation, cause))
    }

    /// The head, without its note, with its output or the long one that lies beside it.
    ///
    /// # Errors
    /// `Corrupt` for a parent that has no id.
    pub(crate) fn into_head(
        self,
        operation: &'static str,
        instance: InstanceId,
        long_output: Option<Bytes>,
    ) -> Result<InstanceHead, ProviderError> {
        let parent = match (self.parent, self.parent_incarnation) {
            (Some(parent), Some(incarnation)) => Some(Box::new(Parent {
                instance: error::stored_id(operation, parent)?,
                incarnation: Incarnation(incarnation.0),
            })),
            _ => None,
        };
        let awaited = self.awaited.into_iter();
        Ok(InstanceHead {
            instance,
            incarnation: Incarnation(self.incarnation.0),
            queue: TaskQueue(self.queue.into()),
            parent,
            orchestration: self.orchestration,
            version: self.version,
            status: self.status.instance(),
            output: self.output.or(long_output),
            position: Position {
                execution: self.execution.0,
                next_event_id: self.next_event.0,
            },
            commit_id: self.commit.map(|id| CommitId(id.0)),
            core_state: self.core_state,
            awaited: awaited.map(|topic| Topic(topic.into())).collect(),
            suspended: self.suspended,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
            note: None,
            expires_at_ms: self.expires_at_ms,
        })
    }
}
