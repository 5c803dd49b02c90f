//! The changes that the state goes through. The file is a list of them.

use std::collections::BTreeSet;

use bytes::Bytes;
use duroxide::providers::{
    ActivityKey, CommitId, ExecutionStatus, HistoryChunk, InstanceHead, InstanceId, Labels,
    Message, MessageId, TaskQueue, ValueKey,
};
use serde::{Deserialize, Serialize};

use crate::agenda::Slot;
use crate::lease::Hold;
use crate::state::{Activity, Instance, State};
use crate::stored;
use crate::value::Value;

/// One change of the state. It says what is so afterwards, never how to work it out, so that
/// reading the file needs no clock, no random number and no rule of the contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Change {
    /// The head of an instance, which comes into being with it.
    Head(#[serde(with = "stored::Head")] InstanceHead),
    /// What an instance is found by, from its start on.
    Labels {
        instance: InstanceId,
        labels: Labels,
    },
    /// An instance is removed, with its history and its inbox.
    InstanceRemoved(InstanceId),
    /// The state of one execution.
    Execution(Execution),
    /// The next chunk of an execution's history.
    Chunk {
        instance: InstanceId,
        execution: u64,
        #[serde(with = "stored::Chunk")]
        chunk: HistoryChunk,
    },
    /// The executions before this one are removed.
    ExecutionsPruned { instance: InstanceId, before: u64 },
    /// A message arrives in an inbox.
    Message {
        instance: InstanceId,
        due_at_ms: u64,
        #[serde(with = "stored::StoredMessage")]
        message: Message,
    },
    /// A message leaves its inbox.
    MessageRemoved {
        instance: InstanceId,
        message: MessageId,
    },
    /// A value of an instance is this now; none removes it.
    Value {
        instance: InstanceId,
        #[serde(with = "stored::key")]
        key: ValueKey,
        value: Option<Value>,
    },
    /// An activity comes into being.
    Activity {
        #[serde(with = "stored::Key")]
        key: ActivityKey,
        #[serde(with = "stored::queue")]
        queue: TaskQueue,
        #[serde(with = "stored::body")]
        body: Bytes,
        hold: Hold,
    },
    /// An activity has these details now.
    Details {
        #[serde(with = "stored::Key")]
        key: ActivityKey,
        #[serde(with = "stored::body")]
        details: Bytes,
    },
    /// An instance has this note now, until the commit after this one.
    Note {
        instance: InstanceId,
        left_at: Option<CommitId>,
        #[serde(with = "stored::body")]
        note: Bytes,
    },
    /// An activity is removed.
    ActivityRemoved(#[serde(with = "stored::Key")] ActivityKey),
    /// Who holds an item, until when, and how often it was claimed.
    Hold { item: Item, hold: Hold },
}

/// What can be leased.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Item {
    Turn(InstanceId),
    Activity(#[serde(with = "stored::Key")] ActivityKey),
}

/// An execution without its history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Execution {
    pub(crate) instance: InstanceId,
    pub(crate) execution: u64,
    #[serde(with = "stored::StatusOfExecution")]
    pub(crate) status: ExecutionStatus,
    #[serde(with = "stored::optional_body")]
    pub(crate) output: Option<Bytes>,
    pub(crate) started_at_ms: u64,
    pub(crate) completed_at_ms: Option<u64>,
}

impl State {
    /// The one door through which the state changes: what is applied is also written.
    pub(crate) fn change(&mut self, change: Change) {
        self.unsaved.push(change.clone());
        self.apply(change);
    }

    /// Applies a change, now or when the file is read again. It must do the same both times.
    #[expect(clippy::too_many_lines, reason = "one arm for each change")]
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Head(head) => {
                let id = head.instance.clone();
                self.schedule_expiry(&id, head.expires_at_ms);
                if let Some(instance) = self.instances.get_mut(&id) {
                    instance.head = head;
                } else {
                    self.instances.insert(id.clone(), Instance::new(head));
                }
                self.schedule(&id);
            }
            Change::Labels { instance, labels } => {
                if let Some(instance) = self.instances.get_mut(&instance) {
                    instance.labels = labels;
                }
            }
            Change::InstanceRemoved(id) => self.forget(&id),
            Change::Execution(execution) => {
                if let Some(instance) = self.instances.get_mut(&execution.instance) {
                    let number = execution.execution;
                    instance.executions.insert(number, execution);
                    instance.histories.entry(number).or_default();
                }
            }
            Change::Chunk {
                instance,
                execution,
                chunk,
            } => {
                if let Some(instance) = self.instances.get_mut(&instance) {
                    let history = instance.histories.entry(execution).or_default();
                    history.push(chunk);
                }
            }
            Change::ExecutionsPruned { instance, before } => {
                if let Some(instance) = self.instances.get_mut(&instance) {
                    instance.executions = instance.executions.split_off(&before);
                    instance.histories = instance.histories.split_off(&before);
                }
            }
            Change::Message {
                instance,
                due_at_ms,
                message,
            } => {
                let slot = self.next_slot(due_at_ms);
                if let Some(receiver) = self.instances.get_mut(&instance) {
                    receiver.inbox.put(message, slot);
                }
                self.schedule(&instance);
            }
            Change::MessageRemoved { instance, message } => {
                if let Some(receiver) = self.instances.get_mut(&instance) {
                    receiver.inbox.remove(message);
                }
                self.schedule(&instance);
            }
            Change::Value {
                instance,
                key,
                value,
            } => self.set_value(&instance, key, value),
            Change::Activity {
                key,
                queue,
                body,
                hold,
            } => {
                let activity = Activity {
                    queue,
                    body,
                    details: None,
                    hold,
                };
                self.activities.insert(key.clone(), activity);
                self.queue(&key);
            }
            Change::Details { key, details } => {
                if let Some(activity) = self.activities.get_mut(&key) {
                    activity.details = Some(details);
                }
            }
            Change::Note {
                instance,
                left_at,
                note,
            } => {
                if let Some(instance) = self.instances.get_mut(&instance) {
                    instance.note = Some((left_at, note));
                }
            }
            Change::ActivityRemoved(key) => self.remove_activity(&key),
            Change::Hold { item, hold } => self.set_hold(&item, hold),
        }
    }

    fn set_value(&mut self, id: &InstanceId, key: ValueKey, value: Option<Value>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        let Some(value) = value else {
            instance.values.remove(&key);
            return;
        };
        if let Some(at_ms) = value.expires_at_ms {
            self.value_expiries.insert((at_ms, id.clone(), key.clone()));
        }
        instance.values.insert(key, value);
    }

    fn forget(&mut self, id: &InstanceId) {
        self.schedule_expiry(id, None);
        if let Some(instance) = self.instances.remove(id) {
            self.ready.remove(&instance.head.queue, id);
        }
    }

    fn set_hold(&mut self, item: &Item, hold: Hold) {
        match item {
            Item::Turn(id) => {
                if let Some(instance) = self.instances.get_mut(id) {
                    instance.hold = hold;
                }
                self.schedule(id);
            }
            Item::Activity(key) => {
                if let Some(activity) = self.activities.get_mut(key) {
                    activity.hold = hold;
                }
                self.queue(key);
            }
        }
    }

    /// Moves an instance to where it belongs among the ready ones. Called after every change of
    /// its inbox, its hold or its head, so that no wake-up is lost (WAK-01).
    fn schedule(&mut self, id: &InstanceId) {
        let Some(instance) = self.instances.get(id) else {
            return;
        };
        let queue = instance.head.queue.clone();
        match instance.claimable_from_ms() {
            Some(at_ms) => {
                let slot = self.next_slot(at_ms);
                self.ready.put(&queue, id.clone(), slot);
            }
            None => self.ready.remove(&queue, id),
        }
    }

    /// Moves an instance to where it belongs among those that expire, before its head is changed or
    /// removed.
    fn schedule_expiry(&mut self, id: &InstanceId, at_ms: Option<u64>) {
        let before_ms = self
            .instances
            .get(id)
            .and_then(|instance| instance.head.expires_at_ms);
        if before_ms == at_ms {
            return;
        }
        if let Some(before_ms) = before_ms {
            self.expiries.remove(&(before_ms, id.clone()));
        }
        self.expiries.extend(at_ms.map(|at_ms| (at_ms, id.clone())));
    }

    /// Moves an activity to where it belongs in its queue.
    fn queue(&mut self, key: &ActivityKey) {
        let Some(activity) = self.activities.get(key) else {
            return;
        };
        let (queue, at_ms) = (activity.queue.clone(), activity.hold.until_ms);
        let slot = self.next_slot(at_ms);
        self.queues.put(&queue, key.clone(), slot);
    }

    fn remove_activity(&mut self, key: &ActivityKey) {
        if let Some(activity) = self.activities.remove(key) {
            self.queues.remove(&activity.queue, key);
        }
    }

    /// The order of the changes is the order of arrival, so that it need not be written.
    fn next_slot(&mut self, at_ms: u64) -> Slot {
        self.arrivals += 1;
        Slot {
            at_ms,
            arrival: self.arrivals,
        }
    }

    /// Changes that lead from an empty state to this one, and keep every order.
    pub(crate) fn snapshot(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let ready: Vec<&InstanceId> = self.ready.iter().collect();
        let are_ready: BTreeSet<&InstanceId> = ready.iter().copied().collect();
        let idle = self.instances.keys().filter(|id| !are_ready.contains(id));
        for instance in ready
            .into_iter()
            .chain(idle)
            .filter_map(|id| self.instances.get(id))
        {
            instance.snapshot(&mut changes);
        }
        for key in self.queues.iter() {
            if let Some(activity) = self.activities.get(key) {
                changes.push(Change::Activity {
                    key: key.clone(),
                    queue: activity.queue.clone(),
                    body: activity.body.clone(),
                    hold: activity.hold,
                });
                changes.extend(activity.details.clone().map(|details| Change::Details {
                    key: key.clone(),
                    details,
                }));
            }
        }
        changes
    }
}

impl Instance {
    fn snapshot(&self, changes: &mut Vec<Change>) {
        let id = &self.head.instance;
        changes.push(Change::Head(self.head.clone()));
        if !self.labels.is_empty() {
            changes.push(Change::Labels {
                instance: id.clone(),
                labels: self.labels.clone(),
            });
        }
        changes.push(Change::Hold {
            item: Item::Turn(id.clone()),
            hold: self.hold,
        });
        changes.extend(self.note.clone().map(|(left_at, note)| Change::Note {
            instance: id.clone(),
            left_at,
            note,
        }));
        changes.extend(self.executions.values().cloned().map(Change::Execution));
        for (execution, history) in &self.histories {
            changes.extend(history.iter().map(|chunk| Change::Chunk {
                instance: id.clone(),
                execution: *execution,
                chunk: chunk.clone(),
            }));
        }
        changes.extend(self.values.iter().map(|(key, value)| Change::Value {
            instance: id.clone(),
            key: key.clone(),
            value: Some(value.clone()),
        }));
        let messages = self.inbox.iter();
        changes.extend(messages.map(|(due_at_ms, message)| Change::Message {
            instance: id.clone(),
            due_at_ms,
            message: message.clone(),
        }));
    }
}
