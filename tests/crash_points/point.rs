//! Where a crash happens, and how.

use std::fmt;

/// What fails at a call, and how much of the call the store has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Crash {
    /// The process dies, and the call has not reached the store.
    Before,
    /// The process dies, and the store has done what the call asked.
    After,
    /// The store is moved to another machine after it has done what the call asked. The process
    /// lives, hears nothing, and tries again there.
    ReplyLost,
}

impl Crash {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::After, Self::ReplyLost];
}

/// A method of the provider that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Method {
    ClaimTurns,
    ClaimActivities,
    Commit,
    Renew,
    Release,
}

impl Method {
    pub(crate) const ALL: [Self; 5] = [
        Self::ClaimTurns,
        Self::ClaimActivities,
        Self::Commit,
        Self::Renew,
        Self::Release,
    ];
}

/// A crash at one of the calls that write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) method: Method,
    /// The how-manieth call of that method it is, from 1. Counted by method, because the rare calls
    /// come after a number of the frequent ones that differs from run to run.
    pub(crate) call: u64,
    pub(crate) crash: Crash,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {}", self.crash, self.method, self.call)
    }
}
