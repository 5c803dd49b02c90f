//! Durable operations: what is asked for, and what is known of it.

use std::task::Waker;
use std::time::Duration;

use crate::orchestration::{ActivityOptions, StartOptions};

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
        options: ActivityOptions,
    },
    Timer {
        delay: Duration,
    },
    Wait {
        name: String,
    },
    TryWait {
        name: String,
    },
    Child {
        name: String,
        input: String,
        options: StartOptions,
    },
    Detached {
        name: String,
        instance: String,
        input: String,
        options: StartOptions,
    },
    Raise {
        instance: String,
        name: String,
        data: String,
    },
    /// Sets a value of the instance, or removes it.
    SetValue {
        key: String,
        value: Option<String>,
    },
    Guid,
    UtcNow,
}

impl Decision {
    /// Whether it is answered through a future, and not done once it is recorded.
    pub(super) fn is_awaited(&self) -> bool {
        !matches!(
            self,
            Self::Detached { .. } | Self::Raise { .. } | Self::SetValue { .. }
        )
    }

    /// Whether it brings an event that answers it, for which there must be room later.
    pub(super) fn brings_outcome(&self) -> bool {
        match self {
            Self::Activity { .. }
            | Self::Timer { .. }
            | Self::TryWait { .. }
            | Self::Child { .. } => true,
            // Events may come or not, with or without a wait for them.
            Self::Wait { .. }
            | Self::Detached { .. }
            | Self::Raise { .. }
            | Self::SetValue { .. }
            | Self::Guid
            | Self::UtcNow => false,
        }
    }

    /// What it yields if it fails with this error. `None` if it yields no errors.
    pub(super) fn failed(&self, error: &str) -> Option<DurableOutput> {
        match self {
            Self::Activity { .. } | Self::Guid | Self::UtcNow => {
                Some(DurableOutput::Activity(Err(error.to_owned())))
            }
            Self::Child { .. } => Some(DurableOutput::SubOrchestration(Err(error.to_owned()))),
            Self::Timer { .. }
            | Self::Wait { .. }
            | Self::TryWait { .. }
            | Self::Detached { .. }
            | Self::Raise { .. }
            | Self::SetValue { .. } => None,
        }
    }
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// Its answer will be found under this id.
    Scheduled(u64),
    /// It has to be made again: something before it was refused, and the code must hear of that
    /// first.
    Postponed,
    /// The run has ended or failed; nothing comes any more.
    Stopped,
}

/// Which kind of operation a token stands for, with what its end needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Activity,
    Timer,
    Wait {
        name: Box<str>,
    },
    TryWait {
        name: Box<str>,
    },
    /// To hear of a cancellation that is announced. No event scheduled it: code may begin or cease to
    /// listen without a change of what its history has to say.
    Cancellation,
    Child {
        instance: Box<str>,
    },
    /// Answered by the engine itself.
    System,
}

impl TokenKind {
    /// Whether an event will answer it, unless it is withdrawn.
    pub(super) fn brings_outcome(&self) -> bool {
        match self {
            Self::Activity | Self::Timer | Self::TryWait { .. } | Self::Child { .. } => true,
            Self::Wait { .. } | Self::Cancellation | Self::System => false,
        }
    }

    /// Whether the runtime has to undo something if nobody wants it any more.
    pub(super) fn is_withdrawn(&self) -> bool {
        !matches!(self, Self::Cancellation | Self::System)
    }

    /// What it yields if it fails with this error. `None` if it yields no errors.
    pub(super) fn failed(&self, error: &str) -> Option<DurableOutput> {
        match self {
            Self::Activity => Some(DurableOutput::Activity(Err(error.to_owned()))),
            Self::Child { .. } => Some(DurableOutput::SubOrchestration(Err(error.to_owned()))),
            Self::Timer
            | Self::Wait { .. }
            | Self::TryWait { .. }
            | Self::Cancellation
            | Self::System => None,
        }
    }
}

/// The answer to a durable operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The event that answered it.
    pub(crate) at: u64,
    pub(crate) output: DurableOutput,
    /// Whether the same operation would only fail again, so that trying it again is of no use.
    pub(crate) is_final: bool,
}

impl Answer {
    /// One that trying again may change.
    pub(super) fn at(at: u64, output: DurableOutput) -> Self {
        Self {
            at,
            output,
            is_final: false,
        }
    }
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
    Resolved(Answer),
}

impl Token {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, TokenState::Open(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node of the map that tokens are in has eleven of them, and allocators are slow from one
    /// kibibyte on.
    #[test]
    fn a_token_is_small() {
        assert!(size_of::<Token>() <= 80, "{}", size_of::<Token>());
    }
}
