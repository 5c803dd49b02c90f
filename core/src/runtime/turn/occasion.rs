//! What a turn begins with.

use parking_lot::Mutex;

use super::load::FirstPage;
use crate::providers::{Fence, InstanceHead, Message, Turn, TurnLease};

/// Where an instance stands, what has come for it, and what must still hold when the turn is
/// committed.
#[derive(Debug)]
pub(in crate::runtime) struct Occasion {
    pub(super) head: InstanceHead,
    /// The how-manieth try since the last commit this is.
    pub(super) attempt: u32,
    pub(super) messages: Vec<Message>,
    pub(super) fence: Fence,
    /// The beginning of the history, if it was read before the turn had a thread, until it is used.
    first_page: Mutex<Option<FirstPage>>,
}

impl Occasion {
    /// What a claim gave, and the lease that came with it.
    pub(in crate::runtime) fn claimed(
        turn: Turn,
        first_page: Option<FirstPage>,
    ) -> (TurnLease, Self) {
        let fence = Fence::At {
            lease: turn.lease.token,
            position: turn.head.position,
        };
        let occasion = Self {
            head: turn.head,
            attempt: turn.attempt,
            messages: turn.messages,
            fence,
            first_page: Mutex::new(first_page),
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
            first_page: Mutex::new(None),
        }
    }

    /// What was read of the history ahead. It is large, and is not kept beyond its use.
    pub(super) fn take_first_page(&self) -> Option<FirstPage> {
        self.first_page.lock().take()
    }
}
