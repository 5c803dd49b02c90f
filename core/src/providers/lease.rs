//! Leases, and what a claim answers.

use std::time::Duration;

use super::activity::ActivityKey;
use super::id::{InstanceId, LeaseToken};

/// The right to commit a turn of an instance, until it expires.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TurnLease {
    /// The leased instance.
    pub instance: InstanceId,
    /// The proof.
    pub token: LeaseToken,
}

/// The right to report the outcome of an activity, until it expires.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityLease {
    /// The leased activity.
    pub key: ActivityKey,
    /// The proof.
    pub token: LeaseToken,
}

/// A lease of either kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lease {
    /// Of an instance.
    Turn(TurnLease),
    /// Of an activity.
    Activity(ActivityLease),
}

impl Lease {
    /// The proof.
    #[must_use]
    pub fn token(&self) -> LeaseToken {
        match self {
            Self::Turn(lease) => lease.token,
            Self::Activity(lease) => lease.token,
        }
    }
}

/// What became of a lease that was to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It is held for the time asked for.
    Renewed,
    /// Its activity was cancelled; stop the work, its outcome is not wanted (CAN-03).
    Cancelled,
    /// It is not held; stop the work, somebody else may be at it (LEA-05).
    Lost,
}

/// Giving back a lease without a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which lease.
    pub lease: Lease,
    /// For how long nobody shall claim the item.
    pub delay: Duration,
    /// Whether the attempt counts (ATT-03).
    pub count_attempt: bool,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed<T> {
    /// The items, leased.
    pub items: Vec<T>,
    /// Whether others were claimable beyond the request's limits (CLM-08).
    pub more: bool,
    /// How long it is until the next item becomes claimable, where one is known (CLM-07).
    pub next_due: Option<Duration>,
}

impl<T> Default for Claimed<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            more: false,
            next_due: None,
        }
    }
}
