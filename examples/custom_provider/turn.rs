//! The commit of a turn: its checks, then its effects.

use std::collections::BTreeSet;

use duroxide::providers::{
    ActivityCancel, ActivityKey, ActivityLease, ExecutionStatus, ExecutionUpdate, Fence,
    InstanceHead, InstanceId, Lease, Limits, NewActivity, ProviderError, TurnCommit, TurnCommitted,
    check, refusal,
};

use crate::change::{Change, Execution, Item};
use crate::lease::{Hold, lost};
use crate::state::{Instance, State};

impl State {
    pub(crate) fn commit_turn(
        &mut self,
        limits: &Limits,
        turn: TurnCommit,
    ) -> Result<TurnCommitted, ProviderError> {
        // The runtime repeats a commit whose answer it did not get (IDM-01).
        let instance = self.instances.get(&turn.instance);
        if instance.is_some_and(|it| it.head.commit_id == Some(turn.commit_id)) {
            return Ok(TurnCommitted {
                repeated: true,
                ..TurnCommitted::default()
            });
        }
        // All checks come before the first change, so that a refusal changes nothing (FEN-05).
        let head = self.check_fence(&turn)?;
        self.check_completed(&turn)?;
        check::turn_limits(limits, &turn)?;
        check::executions(limits, &turn, head.position)?;
        check::opening(&turn, head.position, head.status)?;
        self.check_values(limits, &turn)?;
        self.check_new_activities(&turn, &head)?;
        Ok(self.apply_turn(turn, head))
    }

    /// The head that the turn starts from, if it may be applied (FEN-01 to FEN-03, FEN-07).
    fn check_fence(&self, turn: &TurnCommit) -> Result<InstanceHead, ProviderError> {
        let id = &turn.instance;
        let stored = self.instances.get(id);
        let (may_go_on, position) = match &turn.fence {
            Fence::Absent { .. } if stored.is_some() => return Err(refusal::already_exists(id)),
            // It is created only once the turn has passed all of its checks.
            Fence::Absent { .. } => {
                return turn
                    .newborn()
                    .map(|(newborn, life)| InstanceHead::new(newborn, life, self.now_ms))
                    .ok_or_else(|| refusal::not_found("commit", id));
            }
            Fence::At { lease, position } => {
                let is_held = |it: &Instance| it.hold.holder(self.now_ms) == Some(*lease);
                (stored.filter(|it| is_held(it)), position)
            }
            Fence::Unleased {
                incarnation,
                position,
                commit_id,
            } => {
                let is_free = |it: &Instance| {
                    it.head.incarnation == *incarnation
                        && it.hold.until_ms <= self.now_ms
                        && !it.head.suspended
                };
                let free = stored.filter(|it| is_free(it));
                // A suspension moves no position, but it is a commit.
                if free.is_some_and(|it| it.head.commit_id != *commit_id) {
                    return Err(refusal::position_conflict(id));
                }
                (free, position)
            }
        };
        // Leases rest on clocks, the position does not; both are looked at.
        match may_go_on {
            None => Err(refusal::turn_lease_lost("commit", id)),
            Some(it) if it.head.position != *position => Err(refusal::position_conflict(id)),
            Some(it) => Ok(it.head.clone()),
        }
    }

    /// The activities that end with the turn must be leased, each of them (FEN-04).
    fn check_completed(&self, turn: &TurnCommit) -> Result<(), ProviderError> {
        let leases = turn.completed.iter().cloned().map(Lease::Activity);
        let mut not_held = leases.filter(|lease| self.held(lease).is_none());
        match not_held.next() {
            Some(lease) => Err(lost("commit", &lease)),
            None => Ok(()),
        }
    }

    /// The id of an activity is that of an event, so it is never used twice (ACT-01).
    fn check_new_activities(
        &self,
        turn: &TurnCommit,
        head: &InstanceHead,
    ) -> Result<(), ProviderError> {
        let mut seen = BTreeSet::new();
        for new in &turn.activities {
            let key = key_of(head, new.execution, new.activity_id);
            if self.activities.contains_key(&key) || !seen.insert(key) {
                return Err(refusal::activity_key_taken(&turn.instance));
            }
        }
        Ok(())
    }

    /// Applies everything, in the order that COM-08 asks for. Nothing here can fail.
    fn apply_turn(&mut self, turn: TurnCommit, mut head: InstanceHead) -> TurnCommitted {
        if let Some((newborn, life)) = turn.newborn() {
            self.create(newborn, life);
        }
        // Only an end says when the instance expires (EXP-01).
        head.expires_at_ms = check::expires_at_ms(&turn, head.expires_at_ms, self.now_ms);
        head.orchestration = turn.head.orchestration;
        head.version = turn.head.version;
        head.core_state = turn.head.core_state;
        head.commit_id = Some(turn.commit_id);
        head.updated_at_ms = self.now_ms;
        for update in &turn.executions {
            head.position = check::end_of(update, head.position);
            head.status = update.status.of_instance();
            head.output.clone_from(&update.output);
        }
        if !turn.executions.is_empty() {
            head.awaited = turn.awaited;
        }
        head.suspended = turn.suspended.unwrap_or(head.suspended);
        head.settle();
        self.change(Change::Head(head.clone()));
        self.write_values(&head.instance, turn.commit_id, turn.values);
        for update in turn.executions {
            self.apply_execution(&head, update);
        }

        for message in turn.consumed {
            self.remove_message(&head.instance, message);
        }
        if let Some(execution) = turn.purge_through {
            self.purge_through(&head.instance, execution);
        }
        for lease in turn.completed {
            self.change(Change::ActivityRemoved(lease.key));
        }
        let cancels = turn.cancelled.into_iter();
        let cancelled = cancels
            .flat_map(|cancel| self.cancel(&head, cancel))
            .collect();
        for activity in turn.activities {
            self.create_activity(&head, activity);
        }
        self.end_lease(head.instance);
        let messages = turn.messages.into_iter();
        TurnCommitted {
            repeated: false,
            cancelled,
            messages_dropped: messages.map(|envelope| self.send(envelope)).sum(),
        }
    }

    /// Ends the lease, if there was one; the attempts begin anew (ATT-02). The instance is claimable
    /// with what is left, and with whatever comes later in the batch (COM-04, COM-06).
    fn end_lease(&mut self, id: InstanceId) {
        let item = Item::Turn(id);
        let hold = Hold::free_from(self.now_ms, 0);
        self.change(Change::Hold { item, hold });
    }

    fn apply_execution(&mut self, head: &InstanceHead, update: ExecutionUpdate) {
        let stored = self.instances.get(&head.instance);
        let stored = stored.and_then(|it| it.executions.get(&update.execution));
        let has_ended = update.status != ExecutionStatus::Running;
        self.change(Change::Execution(Execution {
            instance: head.instance.clone(),
            execution: update.execution,
            status: update.status,
            output: update.output,
            started_at_ms: stored.map_or(self.now_ms, |it| it.started_at_ms),
            completed_at_ms: has_ended.then_some(self.now_ms),
        }));
        if let Some(chunk) = update.chunk {
            self.change(Change::Chunk {
                instance: head.instance.clone(),
                execution: update.execution,
                chunk,
            });
        }
    }

    /// Removes activities, and names those that were leased (CAN-01, CAN-02).
    fn cancel(&mut self, head: &InstanceHead, cancel: ActivityCancel) -> Vec<ActivityLease> {
        let keys = match cancel {
            ActivityCancel::One {
                execution,
                activity_id,
            } => vec![key_of(head, execution, activity_id)],
            ActivityCancel::AllOfExecution(it) => {
                self.activities_of(&head.instance, head.incarnation, (it, it))
            }
        };
        let mut leased = Vec::new();
        for key in keys {
            let Some(activity) = self.activities.get(&key) else {
                continue;
            };
            if let Some(token) = activity.hold.holder(self.now_ms) {
                leased.push(ActivityLease {
                    key: key.clone(),
                    token,
                });
            }
            self.change(Change::ActivityRemoved(key));
        }
        leased
    }

    /// An activity with a reservation is born leased, with its first attempt counted (ACT-02).
    fn create_activity(&mut self, head: &InstanceHead, new: NewActivity) {
        let hold = match new.reservation {
            Some(it) => Hold::leased(it.token, self.after(it.lease), 1),
            None => Hold::free_from(self.now_ms, 0),
        };
        self.change(Change::Activity {
            key: key_of(head, new.execution, new.activity_id),
            queue: new.queue,
            body: new.body,
            hold,
        });
    }
}

fn key_of(head: &InstanceHead, execution: u64, activity_id: u64) -> ActivityKey {
    ActivityKey {
        instance: head.instance.clone(),
        incarnation: head.incarnation,
        execution,
        activity_id,
    }
}
