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
    /// It is not held; stop the work. Somebody else may be at it (LEA-05), or its outcome is not
    /// wanted any more (CAN-03).
    Lost,
}

/// Giving back a lease without a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which lease.
    pub lease: Lease,
    /// For how long nobody shall claim the item.
    pub delay: Duration,
    /// What becomes of the item's attempts.
    pub attempts: ReleasedAttempts,
}

/// What a release does with the count of an item's attempts (ATT-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleasedAttempts {
    /// The attempt counts.
    Keep,
    /// The attempt does not count.
    TakeBack,
    /// No attempt counts any more: the next one is the first.
    Reset,
}

impl ReleasedAttempts {
    /// How many attempts are taken back, where there are as many; none is left otherwise.
    #[must_use]
    pub fn taken_back(self) -> u32 {
        match self {
            Self::Keep => 0,
            Self::TakeBack => 1,
            Self::Reset => u32::MAX,
        }
    }
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed<T> {
    /// The items, leased.
    pub items: Vec<T>,
    /// Whether others were claimable beyond the request's limits (CLM-08).
    pub more: bool,
}

impl<T> Default for Claimed<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            more: false,
        }
    }
}
