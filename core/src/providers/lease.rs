//! Leases, and what a claim answers.

use std::time::Duration;

use bytes::Bytes;

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

/// A lease to extend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renew {
    /// Which lease.
    pub lease: Lease,
    /// New details of the activity; it keeps those it has where there are none (DET-01). At most
    /// [`ACTIVITY_DETAILS_BYTES_MAX`](crate::limits::ACTIVITY_DETAILS_BYTES_MAX), and never with the
    /// lease of an instance (LIM-06).
    pub details: Option<Bytes>,
}

impl Renew {
    /// Extends this lease and brings these details of its activity.
    #[must_use]
    pub fn with_details(lease: ActivityLease, details: Bytes) -> Self {
        Self {
            lease: Lease::Activity(lease),
            details: Some(details),
        }
    }
}

impl From<Lease> for Renew {
    /// Extends this lease and brings nothing.
    fn from(lease: Lease) -> Self {
        Self {
            lease,
            details: None,
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
    /// What is to be kept of it: new details of an activity (DET-01), at most
    /// [`ACTIVITY_DETAILS_BYTES_MAX`](crate::limits::ACTIVITY_DETAILS_BYTES_MAX), or a note on an
    /// instance (NOT-01), at most
    /// [`RELEASE_NOTE_BYTES_MAX`](crate::limits::RELEASE_NOTE_BYTES_MAX). What there is stays where this
    /// brings nothing.
    pub details: Option<Bytes>,
}

impl Release {
    /// Gives this lease back and brings nothing.
    #[must_use]
    pub fn new(lease: Lease, delay: Duration, attempts: ReleasedAttempts) -> Self {
        Self {
            lease,
            delay,
            attempts,
            details: None,
        }
    }

    /// The same with details, or a note, to be kept.
    #[must_use]
    pub fn with_details(mut self, details: Option<Bytes>) -> Self {
        self.details = details;
        self
    }
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
