//! What a step is given.

use uuid::Uuid;

use crate::event::EventKind;

/// Something that came from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// An input event.
    pub(crate) kind: EventKind,
    /// The decision that it answers.
    pub(crate) source_event_id: Option<u64>,
    /// The message that brought it, for kinds that nothing else identifies.
    pub(crate) message_id: Option<Uuid>,
}

impl Input {
    /// An input that answers no decision.
    pub(crate) fn new(kind: EventKind) -> Self {
        Self {
            kind,
            source_event_id: None,
            message_id: None,
        }
    }

    /// An input that answers a decision.
    pub(crate) fn answering(source_event_id: u64, kind: EventKind) -> Self {
        Self {
            kind,
            source_event_id: Some(source_event_id),
            message_id: None,
        }
    }

    /// The same as the answer to a wait, if there is one.
    pub(crate) fn taken_by(mut self, wait: Option<u64>) -> Self {
        self.source_event_id = wait;
        self
    }

    /// The same with the message that brought it.
    pub(crate) fn brought_by(mut self, message_id: Option<Uuid>) -> Self {
        self.message_id = message_id;
        self
    }
}

/// The time and the chance of one step. The engine has no others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    /// The wall time, in milliseconds since the Unix epoch.
    pub(crate) now_ms: u64,
    /// What random values are drawn from.
    pub(crate) seed: u128,
}
