//! What a turn begins with.

use crate::providers::{Fence, InstanceHead, Message, Turn, TurnLease};

/// Where an instance stands, what has come for it, and what must still hold when the turn is
/// committed.
#[derive(Debug)]
pub(super) struct Occasion {
    pub(super) head: InstanceHead,
    /// The how-manieth try since the last commit this is.
    pub(super) attempt: u32,
    pub(super) messages: Vec<Message>,
    pub(super) fence: Fence,
}

impl Occasion {
    /// What a claim gave, and the lease that came with it.
    pub(super) fn claimed(turn: Turn) -> (TurnLease, Self) {
        let fence = Fence::At {
            lease: turn.lease.token,
            position: turn.head.position,
        };
        let occasion = Self {
            head: turn.head,
            attempt: turn.attempt,
            messages: turn.messages,
            fence,
        };
        (turn.lease, occasion)
    }

    /// A message that this node brings itself, to an instance that stands as the node left it.
    pub(super) fn unleased(head: InstanceHead, message: Message) -> Self {
        let fence = Fence::Unleased {
            incarnation: head.incarnation,
            position: head.position,
        };
        Self {
            head,
            attempt: 1,
            messages: vec![message],
            fence,
        }
    }
}
