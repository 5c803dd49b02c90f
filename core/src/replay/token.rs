//! Durable operations: what is asked for, and what is known of it.

use std::task::Waker;
use std::time::Duration;

/// What a durable operation yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DurableOutput {
    /// An activity's result, or the text of its error. System calls yield this too.
    Activity(Result<String, String>),
    /// A timer fired.
    Timer,
    /// An external event's data.
    External(String),
    /// A child's result, or the text of its error.
    SubOrchestration(Result<String, String>),
}

/// What an orchestration asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    Activity {
        name: String,
        input: String,
    },
    Timer {
        delay: Duration,
    },
    Wait {
        name: String,
    },
    Child {
        name: String,
        version: Option<String>,
        input: String,
    },
    Detached {
        name: String,
        version: Option<String>,
        instance: String,
        input: String,
    },
    Guid,
    UtcNow,
}

/// Which kind of operation a token stands for, with what its end needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Activity,
    Timer,
    Wait { name: String },
    Child { instance: String },
    System,
}

/// A scheduled operation whose answer nobody has taken yet.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) state: TokenState,
}

#[derive(Debug)]
pub(super) enum TokenState {
    /// Not answered; whom to wake when it is.
    Open(Option<Waker>),
    /// Answered by this event.
    Resolved { at: u64, output: DurableOutput },
}

impl Token {
    pub(super) fn open(kind: TokenKind) -> Self {
        Self {
            kind,
            state: TokenState::Open(None),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, TokenState::Open(_))
    }

    /// Records the answer, and says whom to wake: whoever polled last.
    #[must_use]
    pub(super) fn resolve(&mut self, at: u64, output: DurableOutput) -> Option<Waker> {
        match std::mem::replace(&mut self.state, TokenState::Resolved { at, output }) {
            TokenState::Open(waker) => waker,
            TokenState::Resolved { .. } => None,
        }
    }
}
