//! Turns that a defect spoils: something else is applied than was committed.

use duroxide_core::providers::{
    ActivityCancel, ActivityKey, Channel, Envelope, ExecutionStatus, ExecutionUpdate, InstanceId,
    InstanceStatus, Limits, Message, MessageId, NewActivity, Position, TurnCommit, TurnCommitted,
    check,
};

use crate::check::Basis;
use crate::defect::Defect;
use crate::inbox::Slot;
use crate::lease::Hold;
use crate::state::State;

/// How long [`Defect::NewActivitiesWait`] makes them wait.
const WAIT_MS: u64 = 1_000;

impl State {
    /// Applies a turn as a provider with defects does.
    pub(crate) fn apply_spoiled(&mut self, mut turn: TurnCommit, basis: Basis) -> TurnCommitted {
        let id = turn.instance.clone();
        let attempts = self.instances.get(&id).map_or(0, |it| it.attempts);
        let (purge, cancelled) = (turn.purge_through, turn.cancelled.clone());
        let created = turn.activities.clone();
        let names_executions = !turn.executions.is_empty();
        let opens = check::opens_ended(&turn, basis.position);
        let status = self.instances.get(&id).map(|it| it.head.status);
        if opens && self.has(Defect::OpeningLeavesActivities) {
            turn.completed.clear();
        }
        self.spoil_consumption(&mut turn, basis.position);
        self.spoil_cancellation(&mut turn, basis);
        self.forget_history(&turn);
        self.forget_values(&turn);

        let mut committed = self.apply_turn(turn, basis);

        if self.has(Defect::CancelsLast) {
            for cancel in cancelled {
                self.cancel(&id, basis.incarnation, cancel, &mut committed.cancelled);
            }
        }
        for activity in created {
            self.spoil_activity(activity.key(&id, basis.incarnation), &activity);
        }
        let Some(instance) = self.instances.get_mut(&id) else {
            return committed;
        };
        if self.defects.has(Defect::AttemptsStay) {
            instance.attempts = attempts;
        }
        if self.defects.has(Defect::TurnMeansRunning) && !names_executions {
            instance.head.status = InstanceStatus::Running;
        }
        if let (true, Some(status)) = (opens && self.defects.has(Defect::OpenedHaveEnded), status) {
            instance.head.status = status;
        }
        let ended = instance.executions.get_mut(&basis.position.execution);
        if let (true, Some(ended)) = (
            opens && self.defects.has(Defect::OpeningTakesTheOutput),
            ended,
        ) {
            ended.output = None;
        }
        if let (true, Some(execution)) = (self.defects.has(Defect::PurgesLast), purge) {
            instance.inbox.purge_through(execution);
        }
        self.refresh(&id);
        if self.has(Defect::ReleaseForgetsArrivals) {
            self.forget_arrivals(&id);
        }
        committed
    }

    /// Writes a part of a turn, whatever becomes of the turn.
    pub(crate) fn write_early(&mut self, turn: &TurnCommit) {
        if self.has(Defect::ValuesAreWrittenFirst) {
            self.write_values(&turn.instance, turn.commit_id, turn.values.clone());
        }
        let Some(instance) = self.instances.get_mut(&turn.instance) else {
            return;
        };
        if self.defects.has(Defect::ConsumesFirst) {
            for message in &turn.consumed {
                instance.inbox.remove(*message);
            }
        }
        if self.defects.has(Defect::HeadIsWrittenFirst) {
            instance.head.core_state = turn.head.core_state.clone();
            instance.head.version.clone_from(&turn.head.version);
            instance.head.updated_at_ms = self.now_ms;
        }
    }

    /// Whether a start reaches nobody, since there is such an instance.
    pub(crate) fn drops_start(&self, id: &InstanceId) -> bool {
        self.has(Defect::ATurnsStartOfAnExistingIsDropped) && self.instances.contains_key(id)
    }

    /// Whether a message is lost, since its channel is full.
    pub(crate) fn loses_message(&self, id: &InstanceId, channel: &Channel) -> bool {
        let max = Limits::default().control_messages_max;
        let inbox = self.instances.get(id).map(|it| &it.inbox);
        self.has(Defect::FullInboxLosesMessages)
            && inbox.is_some_and(|inbox| inbox.count(channel) >= max)
    }

    /// Puts a message elsewhere into its inbox than it belongs.
    pub(crate) fn spoil_arrival(&mut self, id: &InstanceId, slot: &mut Slot, message: &Message) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        if self.defects.has(Defect::DelayHoldsBack) {
            slot.at_ms = slot
                .at_ms
                .max(instance.inbox.latest_ms(&message.channel).unwrap_or(0));
        }
        if self.defects.has(Defect::TiesComeBackwards) {
            slot.arrival = u64::MAX - slot.arrival;
        }
        if self.defects.has(Defect::StoresRepeats) {
            instance.inbox.forget(message.id);
        }
    }

    pub(crate) fn send_each(&mut self, envelopes: Vec<Envelope>) {
        for envelope in envelopes {
            self.send(envelope);
        }
    }

    fn spoil_consumption(&self, turn: &mut TurnCommit, before: Position) {
        let Some(instance) = self.instances.get(&turn.instance) else {
            return;
        };
        let continues = turn
            .executions
            .iter()
            .any(|it| it.execution > before.execution);
        let takes_inputs = self.has(Defect::PurgesUnaddressed) && turn.purge_through.is_some()
            || self.has(Defect::ContinueForgetsInputs) && continues;
        let takes_all = self.has(Defect::ConsumesEverything) && !turn.consumed.is_empty();
        let takes_visible = self.has(Defect::ConsumesWhatIsVisible) && !turn.consumed.is_empty();
        if takes_visible {
            turn.consumed.clear();
        }
        let taken = instance.inbox.iter().filter(|(slot, message)| {
            takes_all
                || takes_visible && slot.at_ms <= self.now_ms
                || takes_inputs && message.execution.is_none()
        });
        let taken: Vec<MessageId> = taken.map(|(_, message)| message.id).collect();
        turn.consumed.extend(taken);
    }

    fn spoil_cancellation(&self, turn: &mut TurnCommit, basis: Basis) {
        let crosses = self.has(Defect::CancelCrossesExecutions);
        if !crosses && !self.has(Defect::CancelSparesLeased) {
            return;
        }
        let keys = |executions| {
            let activities = &self.activities;
            activities.keys_of(&turn.instance, basis.incarnation, executions)
        };
        let mut cancelled = Vec::new();
        for cancel in &turn.cancelled {
            cancelled.extend(match *cancel {
                _ if crosses => keys((0, u64::MAX)),
                ActivityCancel::AllOfExecution(execution) => keys((execution, execution)),
                ActivityCancel::One {
                    execution,
                    activity_id,
                } => vec![ActivityKey {
                    instance: turn.instance.clone(),
                    incarnation: basis.incarnation,
                    execution,
                    activity_id,
                }],
            });
        }
        if !crosses {
            cancelled.retain(|key| {
                let activity = self.activities.get(key);
                activity.is_some_and(|it| it.hold.holder(self.now_ms).is_none())
            });
        }
        turn.cancelled = cancelled
            .into_iter()
            .map(|key| ActivityCancel::One {
                execution: key.execution,
                activity_id: key.activity_id,
            })
            .collect();
    }

    fn forget_history(&mut self, turn: &TurnCommit) {
        let latest = turn.executions.last().map(|update| update.execution);
        if let (true, Some(latest), Some(instance)) = (
            self.has(Defect::ContinueForgetsHistory),
            latest,
            self.instances.get_mut(&turn.instance),
        ) {
            instance.executions.retain(|number, _| *number >= latest);
        }
    }

    fn forget_values(&mut self, turn: &TurnCommit) {
        let ends = |update: &ExecutionUpdate| match update.status {
            ExecutionStatus::Running => false,
            ExecutionStatus::ContinuedAsNew => self.has(Defect::ContinueForgetsValues),
            ExecutionStatus::Completed | ExecutionStatus::Failed => {
                self.has(Defect::EndsTakeTheValues)
            }
        };
        if turn.executions.iter().any(ends) {
            self.values.remove_all(&turn.instance);
        }
    }

    fn spoil_activity(&mut self, key: ActivityKey, new: &NewActivity) {
        let arrival = self.next_arrival();
        let Some(mut activity) = self.activities.remove(&key) else {
            return;
        };
        if self.has(Defect::ReservationIsUncounted) {
            activity.attempts = 0;
        }
        if self.has(Defect::NewActivitiesWait) && new.reservation.is_none() {
            activity.hold = Hold::free_from(self.now_ms + WAIT_MS);
        }
        self.activities.put(key, arrival, activity);
    }
}
