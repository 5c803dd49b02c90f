//! What an operation came to, in a form that is the same for every store.
//!
//! Tokens are random, so a lease is named by how many were seen before it; errors are named by their
//! kind.

use duroxide_core::providers::{
    ActivityKey, ErrorKind, HistoryPage, InstanceHead, InstanceRecord, InstanceValue, Message,
    ProviderError,
};

/// What an operation came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There was nothing to act on, or the store does not do this.
    Nothing,
    Committed(Vec<Result<Effect, Refused>>),
    /// Whether each lease is held now. A store may know of a lease that is not held that its
    /// activity was cancelled, or not (CAN-03).
    Renewed(Vec<Result<bool, ErrorKind>>),
    Released(Vec<Result<(), ErrorKind>>),
    Done(Result<(), ErrorKind>),
    Page(Result<HistoryPage, ErrorKind>),
    Mail(Result<Mailbag, ErrorKind>),
    Values(Result<Vec<InstanceValue>, ErrorKind>),
    Heads(Result<Vec<InstanceHead>, ErrorKind>),
    Instances(Vec<InstanceRecord>),
    Pruned(Result<u64, ErrorKind>),
}

/// A page of mail without the arrivals, which each store counts in its way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mailbag {
    /// When each message was due, in milliseconds since the Unix epoch, and the message.
    pub(super) mail: Vec<(u64, Message)>,
    pub(super) more: bool,
}

/// What a member of a batch came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Turn {
        /// By key, with the number of the lease if it was seen.
        cancelled: Vec<(ActivityKey, Option<usize>)>,
        messages_dropped: usize,
    },
    /// It had been applied before; the rest of such an answer may be empty (IDM-01).
    RepeatedTurn,
    /// It was applied by this call or by an earlier one that was dropped.
    TurnOnceOrTwice,
    Activity {
        messages_dropped: usize,
    },
    Sent,
}

/// Why a member of a batch was refused.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) struct Refused {
    pub(super) kind: ErrorKind,
    /// What was wrong with it beside its fence. Which of several flaws is looked at first is open.
    pub(super) flaws: usize,
}

impl Refused {
    /// Whether the other store may answer a different kind: the contract orders the lease before
    /// the position, and nothing else.
    fn may_differ(self) -> bool {
        let by_fence = matches!(
            self.kind,
            ErrorKind::LeaseLost | ErrorKind::PositionConflict | ErrorKind::AlreadyExists
        );
        self.flaws > 1 || (self.flaws == 1 && by_fence)
    }
}

impl Answer {
    /// Whether a provider may answer so where the reference answers `expected`.
    pub(super) fn agrees_with(&self, expected: &Self) -> bool {
        let (Self::Committed(members), Self::Committed(expected)) = (self, expected) else {
            return self == expected;
        };
        let pairs = members.iter().zip(expected);
        members.len() == expected.len()
            && pairs.into_iter().all(|(actual, expected)| {
                let open = matches!((actual, expected), (Err(_), Err(it)) if it.may_differ());
                open || actual == expected
            })
    }
}

/// The kind of an error, if it is one.
pub(super) fn kind<T>(result: Result<T, ProviderError>) -> Result<T, ErrorKind> {
    result.map_err(|error| error.kind())
}
