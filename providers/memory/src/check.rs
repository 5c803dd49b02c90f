//! The checks of a turn: all of them come first, so that nothing can fail once it is applied.

use std::collections::BTreeSet;

use duroxide_core::providers::{
    Fence, Incarnation, InstanceStatus, Limits, Position, ProviderError, TurnCommit, check, refusal,
};

use crate::defect::Defect;
use crate::state::{Instance, State};

/// What the checks of a turn found.
pub(crate) enum Checked {
    /// It was applied before (IDM-01).
    Repeated,
    Applicable(Basis),
}

/// What a turn is applied to.
#[derive(Clone, Copy)]
pub(crate) struct Basis {
    pub(crate) incarnation: Incarnation,
    pub(crate) position: Position,
}

impl State {
    pub(crate) fn check_turn(
        &self,
        limits: &Limits,
        turn: &TurnCommit,
    ) -> Result<Checked, ProviderError> {
        let instance = self.instances.get(&turn.instance);
        let is_repeated = instance.is_some_and(|it| it.head.commit_id == Some(turn.commit_id));
        if is_repeated && !self.has(Defect::RepeatIsUnknown) {
            return Ok(Checked::Repeated);
        }
        let basis = self.check_fence(turn, instance)?;
        for lease in &turn.completed {
            let is_held = self.activities.is_held(lease, self.now_ms);
            if !is_held && !self.has(Defect::CompletedIsUnchecked) {
                return Err(refusal::activity_lease_lost("commit", &lease.key));
            }
        }
        check::turn_limits(limits, turn)?;
        if !self.has(Defect::ExecutionsAreUnchecked) {
            check::executions(limits, turn, basis.position)?;
        }
        self.check_opening(turn, basis.position, instance)?;
        self.check_values(limits, turn)?;
        self.check_activities(turn, basis.incarnation)?;
        self.check_cancelled(turn, basis.incarnation)?;
        Ok(Checked::Applicable(basis))
    }

    /// Only an instance that has ended lets a turn begin with the next execution (EXE-03, EXE-04).
    fn check_opening(
        &self,
        turn: &TurnCommit,
        position: Position,
        instance: Option<&Instance>,
    ) -> Result<(), ProviderError> {
        let status = instance.map_or(InstanceStatus::Pending, |it| it.head.status);
        let checked = check::opening(turn, position, status);
        if self.distrusts_opening(turn, position) {
            return Err(refusal::not_ended(&turn.instance));
        }
        checked.or_else(|error| self.opens_all_the_same(error))
    }

    fn check_fence(
        &self,
        turn: &TurnCommit,
        instance: Option<&Instance>,
    ) -> Result<Basis, ProviderError> {
        let id = &turn.instance;
        match turn.fence {
            Fence::Absent { incarnation, .. } => match instance {
                Some(_) if !self.has(Defect::AbsentFenceIsIgnored) => {
                    Err(refusal::already_exists(id))
                }
                Some(_) | None => Ok(Basis {
                    incarnation,
                    position: Position::START,
                }),
            },
            Fence::At { lease, position } => {
                let held = instance.filter(|it| {
                    it.hold.is_held_by(lease, self.now_ms) || self.trusts(it, lease, position)
                });
                let head = match held {
                    Some(instance) => &instance.head,
                    None if instance.is_none() && self.has(Defect::LateCommitRevives) => {
                        return Ok(Basis::of_another_life(position));
                    }
                    None => return Err(refusal::turn_lease_lost("commit", id)),
                };
                if head.position != position && !self.has(Defect::CommitIgnoresPosition) {
                    return Err(refusal::position_conflict(id));
                }
                Ok(Basis {
                    incarnation: head.incarnation,
                    position,
                })
            }
            Fence::Unleased {
                incarnation,
                position,
                commit_id,
            } => {
                let free = instance.filter(|it| {
                    let is_free = it.head.incarnation == incarnation
                        && it.hold.until_ms <= self.now_ms
                        && (!it.head.suspended || self.has(Defect::UnleasedIgnoresSuspension));
                    is_free && !self.distrusts_unleased(it)
                        || self.trusts_unleased(it, incarnation, position)
                });
                let Some(Instance { head, .. }) = free else {
                    return Err(refusal::turn_lease_lost("commit", id));
                };
                let is_there = head.position == position
                    && (head.commit_id == commit_id || self.has(Defect::UnleasedIgnoresCommits));
                if !is_there && !self.has(Defect::UnleasedIgnoresPosition) {
                    return Err(refusal::position_conflict(id));
                }
                Ok(Basis {
                    incarnation: head.incarnation,
                    position,
                })
            }
        }
    }

    /// The id of an activity is that of an event, so it is never used twice.
    fn check_activities(
        &self,
        turn: &TurnCommit,
        incarnation: Incarnation,
    ) -> Result<(), ProviderError> {
        let mut seen = BTreeSet::new();
        for activity in &turn.activities {
            let key = activity.key(&turn.instance, incarnation);
            let is_used = self.activities.get(&key).is_some() || !seen.insert(key);
            if is_used && !self.has(Defect::KeysComeTwice) {
                return Err(refusal::activity_key_taken(&turn.instance));
            }
        }
        Ok(())
    }
}
