//! Messages to instances.

use std::time::Duration;

use bytes::Bytes;

use super::id::{Incarnation, InstanceId, MessageId};

/// A message, in an inbox or on its way to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its identity.
    pub id: MessageId,
    /// The execution it is addressed to; `None` is whichever is current (COM-03).
    pub execution: Option<u64>,
    /// What it says; opaque to the provider.
    pub body: Bytes,
}

/// A message with its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where it goes.
    pub recipient: Recipient,
    /// After which time it becomes visible, counted from the commit (DLY-01).
    pub delay: Duration,
    /// The message.
    pub message: Message,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// To an instance that it creates (STA-01, STA-02, STA-03).
    NewInstance {
        /// The id of the new instance.
        instance: InstanceId,
        /// The name of its orchestration.
        orchestration: String,
        /// The first value of [`InstanceHead::core_state`](super::InstanceHead::core_state).
        core_state: Bytes,
    },
    /// To an instance that exists (STA-04, MSG-05).
    Instance {
        /// Its id.
        instance: InstanceId,
        /// Which life of it; `None` is whichever there is.
        incarnation: Option<Incarnation>,
    },
}

impl Recipient {
    /// The instance that the message goes to.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        match self {
            Self::NewInstance { instance, .. } | Self::Instance { instance, .. } => instance,
        }
    }
}
