//! Instances that expire.

use duroxide_core::providers::{InstanceId, TurnCommit, check};

use crate::defect::Defect;
use crate::state::State;

/// How many instances one call of maintenance looks at: nobody waits long behind it.
const EXPIRED_MAX: usize = 256;

impl State {
    /// Notes when the instance of a turn expires, if that changes with it (EXP-01).
    pub(crate) fn write_expiry(&mut self, turn: &TurnCommit) {
        let Some(instance) = self.instances.get(&turn.instance) else {
            return;
        };
        let before = instance.head.expires_at_ms;
        let mut after = check::expires_at_ms(turn, before, self.now_ms);
        if cfg!(feature = "mutants") {
            self.spoil_expiry(turn, before, &mut after);
        }
        if before == after {
            // Whoever was spared for a message that this turn has taken may go now.
            let again = after.map(|at_ms| (at_ms, turn.instance.clone()));
            self.expiries.extend(again);
            return;
        }
        if let Some(instance) = self.instances.get_mut(&turn.instance) {
            instance.head.expires_at_ms = after;
        }
        let id = &turn.instance;
        if let Some(at_ms) = before {
            self.expiries.remove(&(at_ms, id.clone()));
        }
        self.expiries.extend(after.map(|at_ms| (at_ms, id.clone())));
    }

    /// Removes instances whose time has come, the earliest first, and answers whether others are left
    /// (EXP-02, EXP-03).
    pub(crate) fn sweep_expired(&mut self) -> bool {
        if self.is_defective() {
            self.maintain_too_much();
        }
        for _ in 0..EXPIRED_MAX {
            let Some((at_ms, id)) = self.expired() else {
                return false;
            };
            if self.is_spared(&id) {
                // It is not looked at again until a turn has taken what waits for it.
                self.expiries.remove(&(at_ms, id));
            } else {
                self.remove(&id);
            }
        }
        self.expired().is_some() && !self.has(Defect::MaintenanceForgetsTheRest)
    }

    /// Whether a message may have it go on (DEL-05), or [`Defect::MaintenanceSparesLeased`] leaves it.
    fn is_spared(&self, id: &InstanceId) -> bool {
        self.instances.get(id).is_some_and(|it| {
            let awaits = it.awaits_control(self.now_ms);
            awaits && !self.has(Defect::MaintenanceSparesNobody)
                || self.has(Defect::MaintenanceSparesLeased)
                    && it.hold.holder(self.now_ms).is_some()
        })
    }

    /// The instance whose time has come first, with that time.
    fn expired(&self) -> Option<(u64, InstanceId)> {
        let first = self.expiries.first();
        first.filter(|(at_ms, _)| *at_ms <= self.now_ms).cloned()
    }
}
