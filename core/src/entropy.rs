//! The door through which randomness comes.

use uuid::Uuid;

use crate::providers::{CommitId, LeaseToken, MessageId};

/// Fresh random identifiers, from the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entropy;

impl Entropy {
    /// A fresh proof for a lease (LEA-02).
    #[must_use]
    pub fn lease_token(self) -> LeaseToken {
        LeaseToken(Uuid::new_v4())
    }

    /// A fresh id for a turn commit (IDM-01).
    #[must_use]
    pub fn commit_id(self) -> CommitId {
        CommitId(Uuid::new_v4())
    }

    /// A fresh id for a client's message.
    #[must_use]
    pub fn message_id(self) -> MessageId {
        MessageId(Uuid::new_v4())
    }

    /// A seed for what an orchestration draws in one step.
    #[must_use]
    pub fn seed(self) -> u128 {
        Uuid::new_v4().as_u128()
    }
}
