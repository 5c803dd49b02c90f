//! Leases: given by a claim, renewed, given back. Turns and activities share all of it.

use std::time::Duration;

use bytes::Bytes;
use duroxide::entropy::Entropy;
use duroxide::providers::{Lease, LeaseToken, ProviderError, Release, Renew, Renewal, refusal};
use serde::{Deserialize, Serialize};

use crate::change::{Change, Item};
use crate::state::State;

/// Until when nobody may claim an item, who holds it meanwhile, and how often it was claimed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Hold {
    token: Option<LeaseToken>,
    pub(crate) until_ms: u64,
    pub(crate) attempts: u32,
}

impl Hold {
    pub(crate) fn leased(token: LeaseToken, until_ms: u64, attempts: u32) -> Self {
        Self {
            token: Some(token),
            until_ms,
            attempts,
        }
    }

    pub(crate) fn free_from(until_ms: u64, attempts: u32) -> Self {
        Self {
            token: None,
            until_ms,
            attempts,
        }
    }

    /// Until when it is leased, if it is or was.
    pub(crate) fn leased_until_ms(self) -> u64 {
        self.token.map_or(0, |_| self.until_ms)
    }

    /// The proof of the lease, while it is held. No reaper is needed: time decides (LEA-03).
    pub(crate) fn holder(self, now_ms: u64) -> Option<LeaseToken> {
        self.token.filter(|_| now_ms < self.until_ms)
    }
}

impl State {
    /// What this lease is of, and its hold, if it is held.
    pub(crate) fn held(&self, lease: &Lease) -> Option<(Item, Hold)> {
        let (item, hold) = match lease {
            Lease::Turn(lease) => (
                Item::Turn(lease.instance.clone()),
                self.instances.get(&lease.instance)?.hold,
            ),
            Lease::Activity(lease) => (
                Item::Activity(lease.key.clone()),
                self.activities.get(&lease.key)?.hold,
            ),
        };
        (hold.holder(self.now_ms) == Some(lease.token())).then_some((item, hold))
    }

    /// Leases a claimable item and counts the attempt (LEA-02, ATT-01).
    pub(crate) fn lease(&mut self, item: Item, before: Hold, lease: Duration) -> (LeaseToken, u32) {
        let token = Entropy.lease_token();
        let attempts = before.attempts.saturating_add(1);
        let hold = Hold::leased(token, self.after(lease), attempts);
        self.change(Change::Hold { item, hold });
        (token, attempts)
    }

    /// Extends a lease that is held (LEA-04, LEA-05, CAN-03).
    pub(crate) fn renew(&mut self, renew: Renew, extend_by: Duration) -> Renewal {
        let Some((item, mut hold)) = self.held(&renew.lease) else {
            return Renewal::Lost;
        };
        hold.until_ms = hold.until_ms.max(self.after(extend_by));
        self.change(Change::Hold {
            item: item.clone(),
            hold,
        });
        self.keep(item, renew.details);
        Renewal::Renewed
    }

    /// Keeps the details of an activity, or the note on an instance, if there are any (DET-01, NOT-01).
    fn keep(&mut self, item: Item, details: Option<Bytes>) {
        let Some(details) = details else {
            return;
        };
        self.change(match item {
            Item::Turn(instance) => {
                let head = self.instances.get(&instance).map(|it| &it.head);
                Change::Note {
                    left_at: head.and_then(|it| it.commit_id),
                    instance,
                    note: details,
                }
            }
            Item::Activity(key) => Change::Details { key, details },
        });
    }

    /// Gives a lease back (LEA-06, LEA-07, ATT-03).
    pub(crate) fn release(&mut self, release: Release) -> Result<(), ProviderError> {
        let Some((item, hold)) = self.held(&release.lease) else {
            return Err(lost("release", &release.lease));
        };
        let attempts_back = release.attempts.taken_back();
        let attempts = hold.attempts.saturating_sub(attempts_back);
        let hold = Hold::free_from(self.after(release.delay), attempts);
        self.change(Change::Hold {
            item: item.clone(),
            hold,
        });
        self.keep(item, release.details);
        Ok(())
    }

    /// Ends the leases that the process before this one left: one process at a time has the file,
    /// so nobody can hold them (LEA-10). Their attempts stay counted (ATT-04).
    pub(crate) fn end_all_leases(&mut self) {
        let turns = self.instances.iter();
        let turns = turns.map(|(id, it)| (Item::Turn(id.clone()), it.hold));
        let activities = self.activities.iter();
        let activities = activities.map(|(key, it)| (Item::Activity(key.clone()), it.hold));
        let held: Vec<_> = turns
            .chain(activities)
            .filter(|(_, hold)| hold.holder(self.now_ms).is_some())
            .collect();
        for (item, hold) in held {
            let hold = Hold::free_from(self.now_ms, hold.attempts);
            self.change(Change::Hold { item, hold });
        }
    }
}

/// The refusal of what rests on a lease that is not held.
pub(crate) fn lost(operation: &'static str, lease: &Lease) -> ProviderError {
    match lease {
        Lease::Turn(lease) => refusal::turn_lease_lost(operation, &lease.instance),
        Lease::Activity(lease) => refusal::activity_lease_lost(operation, &lease.key),
    }
}
