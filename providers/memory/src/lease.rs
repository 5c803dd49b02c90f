//! Leases: how they are kept, renewed and given back.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityLease, Lease, LeaseToken, ProviderError, Release, Renew, Renewal, TurnLease, refusal,
};

use crate::activities::Activity;
use crate::defect::Defect;
use crate::state::{Instance, State};

/// Until when nobody may claim an item, and who holds it meanwhile, if anybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    token: Option<LeaseToken>,
    pub(crate) until_ms: u64,
}

impl Hold {
    pub(crate) fn leased(token: LeaseToken, until_ms: u64) -> Self {
        Self {
            token: Some(token),
            until_ms,
        }
    }

    pub(crate) fn free_from(until_ms: u64) -> Self {
        Self {
            token: None,
            until_ms,
        }
    }

    /// The proof of the lease, while it is held.
    pub(crate) fn holder(self, now_ms: u64) -> Option<LeaseToken> {
        self.token.filter(|_| now_ms < self.until_ms)
    }

    /// The proof of the lease, held or expired.
    pub(crate) fn last_holder(self) -> Option<LeaseToken> {
        self.token
    }

    /// Whether it was given out with this proof, however long ago.
    pub(crate) fn is_of(self, token: LeaseToken) -> bool {
        self.token == Some(token)
    }

    pub(crate) fn is_held_by(self, token: LeaseToken, now_ms: u64) -> bool {
        self.holder(now_ms) == Some(token)
    }
}

impl State {
    /// Extends a lease that is held, and keeps what that brings (LEA-04, LEA-05, CAN-03, DET-01).
    pub(crate) fn renew(&mut self, renew: &Renew, extend_by: Duration) -> Renewal {
        let renewed_until_ms = self.after(extend_by);
        let is_shortened = self.has(Defect::RenewShortens);
        let extend = |hold: Hold| Hold {
            until_ms: if is_shortened {
                renewed_until_ms
            } else {
                hold.until_ms.max(renewed_until_ms)
            },
            ..hold
        };
        let takes_all = self.has(Defect::DetailsAreTaken);
        let is_held = match &renew.lease {
            Lease::Turn(lease) => {
                self.change_turn(lease, |instance| instance.hold = extend(instance.hold))
            }
            Lease::Activity(lease) => self.change_activity(lease, |activity| {
                activity.hold = extend(activity.hold);
                activity.keep(renew.details.clone(), takes_all);
            }),
        };
        if is_held {
            Renewal::Renewed
        } else {
            self.keep_late(&renew.lease, renew.details.as_ref());
            Renewal::Lost
        }
    }

    /// Gives a lease back, and keeps what that brings (LEA-06, LEA-07, ATT-03, DET-01, NOT-01).
    pub(crate) fn release(&mut self, release: Release) -> Result<(), ProviderError> {
        let Release {
            lease,
            delay,
            attempts,
            details,
        } = release;
        let hold = Hold::free_from(self.after(delay));
        let left = |counted: u32| counted.saturating_sub(attempts.taken_back());
        let takes_all = self.has(Defect::DetailsAreTaken);
        let is_held = match &lease {
            Lease::Turn(lease) => self.change_turn(lease, |instance| {
                instance.hold = hold;
                instance.attempts = left(instance.attempts);
                if details.is_some() || takes_all {
                    instance.note.clone_from(&details);
                }
            }),
            Lease::Activity(lease) => self.change_activity(lease, |activity| {
                activity.hold = hold;
                activity.attempts = left(activity.attempts);
                activity.keep(details.clone(), takes_all);
            }),
        };
        if is_held {
            return Ok(());
        }
        self.keep_late(&lease, details.as_ref());
        Err(match &lease {
            Lease::Turn(lease) => refusal::turn_lease_lost("release", &lease.instance),
            Lease::Activity(lease) => refusal::activity_lease_lost("release", &lease.key),
        })
    }

    /// Changes a leased instance; false if the lease is not held.
    fn change_turn(&mut self, lease: &TurnLease, change: impl FnOnce(&mut Instance)) -> bool {
        let Some(instance) = self.instances.get_mut(&lease.instance) else {
            return false;
        };
        let is_held = instance.hold.is_held_by(lease.token, self.now_ms)
            || self.defects.has(Defect::ReleaseIgnoresToken)
            || self.defects.has(Defect::RenewRevives) && instance.hold.is_of(lease.token);
        if !is_held {
            return false;
        }
        change(instance);
        self.refresh(&lease.instance);
        true
    }

    /// Changes a leased activity; false if the lease is not held.
    fn change_activity(
        &mut self,
        lease: &ActivityLease,
        change: impl FnOnce(&mut Activity),
    ) -> bool {
        if !self.activities.is_held(lease, self.now_ms) {
            return false;
        }
        let arrival = self.next_arrival();
        let Some(mut activity) = self.activities.remove(&lease.key) else {
            return false;
        };
        change(&mut activity);
        self.activities.put(lease.key.clone(), arrival, activity);
        true
    }
}

impl Activity {
    /// Keeps new details, if there are any.
    fn keep(&mut self, details: Option<Bytes>, takes_all: bool) {
        if details.is_some() || takes_all {
            self.details = details;
        }
    }
}
