//! Applying a turn that passed its checks.

use duroxide_core::providers::{
    ActivityCancel, ActivityKey, ActivityLease, ExecutionStatus, ExecutionUpdate, Incarnation,
    InstanceId, NewActivity, Position, TurnCommit, TurnCommitted, check,
};

use crate::activities::Activity;
use crate::check::Basis;
use crate::defect::Defect;
use crate::lease::Hold;
use crate::state::{Execution, Instance, State};

impl State {
    /// Applies a turn that passed its checks. Its lease ends, and whatever is sent to the instance from
    /// then on makes it claimable, by whichever member of the batch (COM-04, COM-06).
    pub(crate) fn apply_turn(&mut self, turn: TurnCommit, basis: Basis) -> TurnCommitted {
        let Basis {
            incarnation,
            position,
        } = basis;
        let now_ms = self.now_ms;
        if let Some((newborn, incarnation)) = turn.newborn() {
            self.create(newborn, incarnation);
        }
        self.write_expiry(&turn);
        let id = turn.instance;
        let Some(instance) = self.instances.get_mut(&id) else {
            return TurnCommitted::default();
        };
        instance.head.orchestration = turn.head.orchestration;
        instance.head.version = turn.head.version;
        instance.head.core_state = turn.head.core_state;
        instance.head.commit_id = Some(turn.commit_id);
        instance.head.updated_at_ms = now_ms;
        instance.attempts = 0;
        if !self.defects.has(Defect::NotesOutliveCommits) {
            instance.note = None;
        }
        if let Some(suspended) = turn.suspended {
            instance.head.suspended = suspended;
        }
        if !turn.executions.is_empty() {
            if !self.defects.has(Defect::AwaitedAddsUp) {
                instance.head.awaited.clear();
            }
            instance.head.awaited.extend(turn.awaited);
        }
        instance.hold = Hold::free_from(now_ms);
        let mut end = position;
        for update in turn.executions {
            end = check::end_of(&update, end);
            instance.apply_execution(update, end, now_ms);
        }
        if !self.defects.has(Defect::EndsLeaveTheRecord) {
            instance.head.settle();
        }
        for message in turn.consumed {
            instance.inbox.remove(message);
        }
        if let Some(execution) = turn.purge_through {
            instance.inbox.purge_through(execution);
        }
        self.refresh(&id);
        self.write_values(&id, turn.commit_id, turn.values);

        for lease in &turn.completed {
            self.activities.remove(&lease.key);
        }
        let mut cancelled = Vec::new();
        for cancel in turn.cancelled {
            self.cancel(&id, incarnation, cancel, &mut cancelled);
        }
        for activity in turn.activities {
            self.create_activity(activity.key(&id, incarnation), activity);
        }
        let messages = turn.messages.into_iter();
        TurnCommitted {
            repeated: false,
            cancelled,
            messages_dropped: messages.map(|envelope| self.send(envelope)).sum(),
        }
    }

    /// Removes activities and names those that were leased (CAN-01, CAN-02).
    pub(crate) fn cancel(
        &mut self,
        id: &InstanceId,
        incarnation: Incarnation,
        cancel: ActivityCancel,
        leased: &mut Vec<ActivityLease>,
    ) {
        let keys = match cancel {
            ActivityCancel::One {
                execution,
                activity_id,
            } => vec![ActivityKey {
                instance: id.clone(),
                incarnation,
                execution,
                activity_id,
            }],
            ActivityCancel::AllOfExecution(execution) => {
                self.activities
                    .keys_of(id, incarnation, (execution, execution))
            }
        };
        for key in keys {
            let removed = self.activities.remove(&key);
            let holder = removed.and_then(|activity| activity.hold.holder(self.now_ms));
            leased.extend(holder.map(|token| ActivityLease { key, token }));
        }
    }

    fn create_activity(&mut self, key: ActivityKey, new: NewActivity) {
        let (hold, attempts) = match new.reservation {
            Some(it) => (Hold::leased(it.token, self.after(it.lease)), 1),
            None => (Hold::free_from(self.now_ms), 0),
        };
        let activity = Activity {
            queue: new.queue,
            body: new.body,
            details: self.inherited_details(),
            attempts,
            hold,
        };
        let arrival = self.next_arrival();
        self.activities.put(key, arrival, activity);
    }
}

impl Instance {
    fn apply_execution(&mut self, update: ExecutionUpdate, end: Position, now_ms: u64) {
        self.head.status = update.status.of_instance();
        self.head.output.clone_from(&update.output);
        self.head.position = end;
        let execution = self
            .executions
            .entry(update.execution)
            .or_insert_with(|| Execution {
                status: update.status,
                output: None,
                started_at_ms: now_ms,
                completed_at_ms: None,
                chunks: Vec::new(),
            });
        execution.status = update.status;
        execution.output = update.output;
        execution.completed_at_ms = (update.status != ExecutionStatus::Running).then_some(now_ms);
        execution.chunks.extend(update.chunk);
    }
}
