//! Leases: how they are kept, renewed and given back.

use std::time::Duration;

use duroxide_core::providers::{
    ActivityLease, Lease, LeaseToken, ProviderError, Release, Renewal, TurnLease, refusal,
};

use crate::defect::Defect;
use crate::state::State;

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
    /// Extends a lease that is held (LEA-04, LEA-05, CAN-03).
    pub(crate) fn renew(&mut self, lease: &Lease, extend_by: Duration) -> Renewal {
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
        let is_held = match lease {
            Lease::Turn(lease) => self.change_turn_hold(lease, |hold, _| *hold = extend(*hold)),
            Lease::Activity(lease) => {
                self.change_activity_hold(lease, |hold, _| *hold = extend(*hold))
            }
        };
        if is_held {
            Renewal::Renewed
        } else {
            Renewal::Lost
        }
    }

    pub(crate) fn release(&mut self, release: &Release) -> Result<(), ProviderError> {
        let free_from_ms = self.after(release.delay);
        let give_back = |hold: &mut Hold, attempts: &mut u32| {
            *hold = Hold::free_from(free_from_ms);
            *attempts = attempts.saturating_sub(release.attempts.taken_back());
        };
        match &release.lease {
            Lease::Turn(lease) => self
                .change_turn_hold(lease, give_back)
                .then_some(())
                .ok_or_else(|| refusal::turn_lease_lost("release", &lease.instance)),
            Lease::Activity(lease) => self
                .change_activity_hold(lease, give_back)
                .then_some(())
                .ok_or_else(|| refusal::activity_lease_lost("release", &lease.key)),
        }
    }

    /// Changes the hold and the attempts of a leased instance; false if the lease is not held.
    fn change_turn_hold(
        &mut self,
        lease: &TurnLease,
        change: impl FnOnce(&mut Hold, &mut u32),
    ) -> bool {
        let Some(instance) = self.instances.get_mut(&lease.instance) else {
            return false;
        };
        let is_held = instance.hold.is_held_by(lease.token, self.now_ms)
            || self.defects.has(Defect::ReleaseIgnoresToken)
            || self.defects.has(Defect::RenewRevives) && instance.hold.is_of(lease.token);
        if !is_held {
            return false;
        }
        change(&mut instance.hold, &mut instance.attempts);
        self.refresh(&lease.instance);
        true
    }

    /// Changes the hold and the attempts of a leased activity; false if the lease is not held.
    fn change_activity_hold(
        &mut self,
        lease: &ActivityLease,
        change: impl FnOnce(&mut Hold, &mut u32),
    ) -> bool {
        if !self.activities.is_held(lease, self.now_ms) {
            return false;
        }
        let arrival = self.next_arrival();
        let Some(mut activity) = self.activities.remove(&lease.key) else {
            return false;
        };
        change(&mut activity.hold, &mut activity.attempts);
        self.activities.put(lease.key.clone(), arrival, activity);
        true
    }
}
