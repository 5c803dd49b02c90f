//! What a script is made of.

use std::time::Duration;

use duroxide_core::providers::ErrorKind;

use super::Operation;

/// One fault: what happens at which calls of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The operation that it befalls.
    pub operation: Operation,
    /// Which of its calls.
    pub when: When,
    /// What happens then.
    pub effect: Effect,
}

/// Which calls of an operation a fault befalls. They are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This one.
    Nth(u64),
    /// Each one whose number this divides; none for 0.
    EveryNth(u64),
    /// This one and all that follow.
    FromNth(u64),
}

impl When {
    pub(super) fn is(self, call: u64) -> bool {
        match self {
            Self::Nth(nth) => call == nth,
            Self::EveryNth(nth) => nth > 0 && call.is_multiple_of(nth),
            Self::FromNth(nth) => call >= nth,
        }
    }
}

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The provider is not called, and this is the error. Only `Unavailable` keeps the promise of
    /// a store that is away; other kinds show what a caller makes of a broken one.
    FailBefore(ErrorKind),
    /// The call is made to its end, and its answer is lost: a commit answers `CommitUnknown`, and
    /// any other operation `Unavailable`.
    LoseReply,
    /// The call is polled so many times at most and dropped; its answer is lost as with
    /// [`LoseReply`](Self::LoseReply), even if it came in time. A call that is not polled at all
    /// does nothing.
    DropAfterPolls(usize),
    /// The call is made after this time by the clock.
    Delay(Duration),
    /// The call is made twice, one after the other.
    Duplicate(Given),
}

/// Which of two answers is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The answer to the first call.
    First,
    /// The answer to the second call.
    Second,
}
