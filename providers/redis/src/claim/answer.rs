//! What a claim brings.

use std::sync::Arc;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityLease, Channel, ClaimedActivity, Delivery, Incarnation, Lease, LeaseToken, Message,
    MessageId, ProviderError, Topic, Turn, TurnLease,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::activity;
use crate::codec;
use crate::codes::{ActivityId, Id, Number};
use crate::error;
use crate::head::{HeldMessage, StoredHead};

/// What a claim of one partition brings.
#[derive(Deserialize)]
pub(super) struct Answer<I> {
    pub(super) now: u64,
    pub(super) seq: u64,
    pub(super) items: Vec<I>,
    /// Whether others were claimable.
    pub(super) more: bool,
    /// When the first item became claimable that was left for its bytes.
    #[serde(default)]
    pub(super) cut_at: Option<u64>,
    /// When the next item of each queue is due.
    pub(super) dues: Vec<crate::hub::Due>,
    /// What cannot be claimed, by its name or its place, and why.
    #[serde(default)]
    pub(super) damaged: Vec<(String, String)>,
}

/// An item that was claimed, as a script answers it.
pub(super) trait ItemAnswer: DeserializeOwned + Send {
    type Item: Send;

    /// When it became claimable.
    fn at_ms(&self) -> u64;

    /// How many of the bytes that a claim may hold it has.
    fn bytes(&self) -> usize;

    fn understood(self) -> Result<Self::Item, ProviderError>;

    /// The lease under which it was claimed, and until when it was held before, if it can be understood.
    fn lease(&self) -> Option<(Lease, u64)>;
}

#[derive(Deserialize)]
pub(super) struct TurnAnswer {
    instance: String,
    head: Bytes,
    #[serde(default)]
    output: Option<Bytes>,
    messages: Vec<(Id, Bytes)>,
    /// Of those in the head, which are meant, in their order.
    #[serde(default)]
    held: Vec<Id>,
    /// How many bytes these are.
    bytes: usize,
    has_mail: bool,
    #[serde(default)]
    at: u64,
    was: u64,
}

#[derive(Deserialize)]
pub(super) struct ActivityAnswer {
    instance: String,
    life: Id,
    key: ActivityId,
    token: Id,
    queue: Arc<str>,
    attempt: u32,
    body: Bytes,
    #[serde(default)]
    details: Option<Bytes>,
    at: u64,
    was: u64,
}

/// A message, as it lies in an inbox.
#[derive(Deserialize)]
struct StoredMessage {
    #[serde(rename = "c")]
    channel: String,
    #[serde(rename = "d")]
    due_at_ms: u64,
    #[serde(rename = "x", default)]
    execution: Option<Number>,
    #[serde(rename = "b")]
    body: Bytes,
}

impl From<HeldMessage> for StoredMessage {
    fn from(held: HeldMessage) -> Self {
        Self {
            channel: held.channel,
            due_at_ms: held.due_at_ms,
            execution: held.execution,
            body: held.body,
        }
    }
}

impl StoredMessage {
    fn read(operation: &'static str, bytes: &[u8]) -> Result<Self, ProviderError> {
        codec::decode(bytes).map_err(|cause| error::corrupt(operation, cause))
    }

    fn into_delivery(self, id: Id) -> Delivery {
        let message = Message {
            id: MessageId(id.0),
            channel: channel_of(&self.channel),
            execution: self.execution.map(|it| it.0),
            body: self.body,
        };
        Delivery {
            due_at_ms: self.due_at_ms,
            message,
        }
    }
}

/// The channel that keys name so.
pub(crate) fn channel_of(code: &str) -> Channel {
    match code.strip_prefix('t') {
        Some(topic) => Channel::Topic(Topic::from(topic)),
        None if code == "c" => Channel::Control,
        None => Channel::System,
    }
}

impl ItemAnswer for TurnAnswer {
    type Item = Turn;

    fn at_ms(&self) -> u64 {
        self.at
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn understood(self) -> Result<Turn, ProviderError> {
        const OPERATION: &str = "claim_turns";
        let instance = error::stored_id(OPERATION, self.instance)?;
        let mut stored = StoredHead::read(OPERATION, &self.head)?;
        let attempt = stored.attempts;
        let token = stored
            .token
            .ok_or_else(|| error::corrupt(OPERATION, "a claimed head has no token"))?;
        let mut messages = Vec::with_capacity(self.messages.len() + self.held.len());
        for id in self.held {
            let place = stored.held.iter().position(|it| it.id.0 == id.0);
            let place = place
                .ok_or_else(|| error::corrupt(OPERATION, "a claimed message is not in the head"))?;
            let held = stored.held.swap_remove(place);
            messages.push(StoredMessage::from(held).into_delivery(id));
        }
        for (id, bytes) in self.messages {
            messages.push(StoredMessage::read(OPERATION, &bytes)?.into_delivery(id));
        }
        Ok(Turn {
            lease: TurnLease {
                instance: instance.clone(),
                token: LeaseToken(token.0),
            },
            head: stored.into_head(OPERATION, instance, self.output)?,
            attempt,
            messages,
            has_mail: self.has_mail,
        })
    }

    fn lease(&self) -> Option<(Lease, u64)> {
        let stored = StoredHead::read("claim_turns", &self.head).ok()?;
        let lease = TurnLease {
            instance: error::stored_id("claim_turns", self.instance.clone()).ok()?,
            token: LeaseToken(stored.token?.0),
        };
        Some((Lease::Turn(lease), self.was))
    }
}

impl ActivityAnswer {
    fn activity_lease(&self) -> Result<ActivityLease, ProviderError> {
        let instance = error::stored_id("claim_activities", self.instance.clone())?;
        let life = Incarnation(self.life.0);
        Ok(activity::lease_of(&instance, life, self.key, self.token))
    }
}

impl ItemAnswer for ActivityAnswer {
    type Item = ClaimedActivity;

    fn at_ms(&self) -> u64 {
        self.at
    }

    fn bytes(&self) -> usize {
        self.body.len()
    }

    fn understood(self) -> Result<ClaimedActivity, ProviderError> {
        Ok(ClaimedActivity {
            lease: self.activity_lease()?,
            queue: duroxide_core::providers::TaskQueue(self.queue),
            attempt: self.attempt,
            body: self.body,
            details: self.details,
        })
    }

    fn lease(&self) -> Option<(Lease, u64)> {
        Some((Lease::Activity(self.activity_lease().ok()?), self.was))
    }
}
