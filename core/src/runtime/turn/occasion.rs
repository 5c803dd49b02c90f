//! What a turn begins with.

use parking_lot::Mutex;

use super::load::FirstPage;
use crate::limits::{TURN_BYTES_MAX, TURN_MESSAGES_MAX};
use crate::providers::{Channel, Delivery, Fence, InstanceHead, Limits, Message, Turn, TurnLease};

/// Where an instance stands, what has come for it, and what must still hold when the turn is
/// committed.
#[derive(Debug)]
pub(in crate::runtime) struct Occasion {
    pub(super) head: InstanceHead,
    /// The how-manieth try since the last commit this is.
    pub(super) attempt: u32,
    pub(super) messages: Vec<Delivery>,
    /// What is known of the mail that waits for the instance.
    pub(super) mail: MailKnown,
    pub(super) fence: Fence,
    /// The beginning of the history, if it was read before the turn had a thread, until it is used.
    first_page: Mutex<Option<FirstPage>>,
}

/// What a turn knows of the mail that waits for its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MailKnown {
    /// A claim said whether there is some of the topics that the record awaits.
    OfAwaited(bool),
    /// Nothing, and it reads once: whoever claims the instance meanwhile comes first.
    ReadOnce,
}

/// How many bytes of messages a claimed turn may have: they are committed with it.
pub(in crate::runtime) fn turn_bytes_max(limits: &Limits) -> usize {
    TURN_BYTES_MAX.min(limits.commit_bytes_max / 4)
}

impl Occasion {
    /// What a claim gave, and the lease that came with it. In a box, since it is large and lives as long
    /// as the turn.
    pub(in crate::runtime) fn claimed(
        turn: Turn,
        first_page: Option<FirstPage>,
    ) -> (TurnLease, Box<Self>) {
        let fence = Fence::At {
            lease: turn.lease.token,
            position: turn.head.position,
        };
        let occasion = Box::new(Self {
            head: turn.head,
            attempt: turn.attempt,
            messages: turn.messages,
            mail: MailKnown::OfAwaited(turn.has_mail),
            fence,
            first_page: Mutex::new(first_page),
        });
        (turn.lease, occasion)
    }

    /// A message that this node brings itself, to an instance that stands as the node left it.
    pub(super) fn unleased(head: InstanceHead, message: Message, now_ms: u64) -> Self {
        let fence = Fence::Unleased {
            incarnation: head.incarnation,
            position: head.position,
            commit_id: head.commit_id,
        };
        let message = Delivery {
            due_at_ms: now_ms,
            message,
        };
        Self {
            head,
            attempt: 1,
            messages: vec![message],
            mail: MailKnown::ReadOnce,
            fence,
            first_page: Mutex::new(None),
        }
    }

    /// Whether an instruction of somebody who manages the instance is among the messages.
    pub(super) fn has_control(&self) -> bool {
        let mut messages = self.messages.iter();
        messages.any(|delivery| delivery.message.channel == Channel::Control)
    }

    /// Whether more messages may have been due than the claim had room for. By bytes that is a guess: a
    /// large one is left where the others take half of the room.
    pub(super) fn may_have_left_messages(&self, limits: &Limits) -> bool {
        let bodies = self
            .messages
            .iter()
            .map(|delivery| delivery.message.body.len());
        let bytes: usize = bodies.sum();
        self.messages.len() >= TURN_MESSAGES_MAX || bytes >= turn_bytes_max(limits) / 2
    }

    /// What was read of the history ahead. It is large, and is not kept beyond its use.
    pub(super) fn take_first_page(&self) -> Option<FirstPage> {
        self.first_page.lock().take()
    }
}
