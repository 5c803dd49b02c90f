//! A turn commit, phase by phase.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityCancel, ActivityLease, CommitId, Envelope, ExecutionStatus, ExecutionUpdate, Fence,
    HeadUpdate, HistoryChunk, Incarnation, InstanceHead, InstanceId, Labels, LeaseToken, MessageId,
    NewActivity, NewValue, Parent, Position, Reservation, TaskQueue, Topic, Turn, TurnCommit,
    ValueKey, ValueUpdate,
};

/// Builds a [`TurnCommit`] that follows from a claimed turn or from a head.
#[derive(Debug, Clone)]
pub(crate) struct TurnBuilder {
    commit: TurnCommit,
    /// Where the next event goes.
    position: Position,
    /// The commit before.
    begun_after: Option<CommitId>,
}

impl TurnBuilder {
    pub(crate) fn of(turn: &Turn, commit_id: CommitId) -> Self {
        Self::after(&turn.head, commit_id)
            .at(turn.lease.token, turn.head.position)
            .consume(turn.messages.iter().map(|message| message.id))
    }

    /// What goes on where this head was the last one, without a lease.
    pub(crate) fn after(head: &InstanceHead, commit_id: CommitId) -> Self {
        let InstanceHead {
            instance,
            incarnation,
            orchestration,
            version,
            core_state,
            position,
            commit_id: begun_after,
            ..
        } = head.clone();
        let mut builder = Self::creating(instance, incarnation, commit_id);
        builder.begun_after = begun_after;
        builder.position = position;
        builder.commit.head = HeadUpdate {
            orchestration,
            version,
            core_state,
        };
        builder.unleased(incarnation, position)
    }

    pub(crate) fn creating(
        instance: InstanceId,
        incarnation: Incarnation,
        commit_id: CommitId,
    ) -> Self {
        Self {
            position: Position::START,
            begun_after: None,
            commit: TurnCommit {
                instance,
                commit_id,
                fence: Fence::Absent {
                    incarnation,
                    queue: TaskQueue::default(),
                    parent: None,
                    labels: Labels::new(),
                },
                head: HeadUpdate {
                    orchestration: "Orchestration".to_owned(),
                    version: None,
                    core_state: Bytes::new(),
                },
                executions: Vec::new(),
                awaited: Vec::new(),
                suspended: None,
                expire_after: None,
                values: Vec::new(),
                consumed: Vec::new(),
                purge_through: None,
                activities: Vec::new(),
                cancelled: Vec::new(),
                completed: Vec::new(),
                messages: Vec::new(),
            },
        }
    }

    /// Creates the instance in this queue.
    pub(crate) fn in_queue(mut self, name: &str) -> Self {
        if let Fence::Absent { queue, .. } = &mut self.commit.fence {
            *queue = name.into();
        }
        self
    }

    /// Creates the instance as somebody's child, and with labels.
    pub(crate) fn descending(mut self, whose: Option<Parent>, named: Labels) -> Self {
        if let Fence::Absent { parent, labels, .. } = &mut self.commit.fence {
            *parent = whose;
            *labels = named;
        }
        self
    }

    pub(crate) fn at(mut self, lease: LeaseToken, position: Position) -> Self {
        self.commit.fence = Fence::At { lease, position };
        self
    }

    pub(crate) fn unleased(mut self, incarnation: Incarnation, position: Position) -> Self {
        self.commit.fence = Fence::Unleased {
            incarnation,
            position,
            commit_id: self.begun_after,
        };
        self
    }

    /// The instance whose turn this is.
    pub(crate) fn instance(&self) -> &InstanceId {
        &self.commit.instance
    }

    /// Where the next event goes.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Changes the commit in a way that has no phase of its own here.
    pub(crate) fn change(mut self, change: impl FnOnce(&mut TurnCommit)) -> Self {
        change(&mut self.commit);
        self
    }

    /// Removes these messages instead of the claimed ones.
    pub(crate) fn consume(mut self, messages: impl IntoIterator<Item = MessageId>) -> Self {
        self.commit.consumed = messages.into_iter().collect();
        self
    }

    pub(crate) fn purge_through(mut self, execution: u64) -> Self {
        self.commit.purge_through = Some(execution);
        self
    }

    /// Appends so many events to the current execution, as a chunk or to the last one.
    pub(crate) fn append(self, event_count: u64) -> Self {
        let body = format!(
            "chunk {}/{}",
            self.position.execution, self.position.next_event_id
        );
        self.append_bytes(event_count, Bytes::from(body))
    }

    pub(crate) fn append_bytes(mut self, event_count: u64, body: Bytes) -> Self {
        if let Some(update) = self.commit.executions.last_mut()
            && update.execution == self.position.execution
            && let Some(chunk) = &mut update.chunk
        {
            // A turn has one chunk for each execution.
            chunk.event_count += event_count;
            chunk.body = body;
            self.position.next_event_id = chunk.next_event_id();
            return self;
        }
        let chunk = HistoryChunk {
            first_event_id: self.position.next_event_id,
            event_count,
            body,
        };
        self.position.next_event_id = chunk.next_event_id();
        self.commit.executions.push(ExecutionUpdate {
            execution: self.position.execution,
            chunk: Some(chunk),
            status: ExecutionStatus::Running,
            output: None,
        });
        self
    }

    /// Ends the execution that the last chunk went to.
    pub(crate) fn end(mut self, status: ExecutionStatus, output: Option<Bytes>) -> Self {
        let update = self.commit.executions.last_mut();
        let update = update.expect("an execution ends with an event");
        update.status = status;
        update.output = output;
        self
    }

    /// Appends the last event and completes the instance.
    pub(crate) fn complete(self) -> Self {
        self.append(1).end(
            ExecutionStatus::Completed,
            Some(Bytes::from_static(b"result")),
        )
    }

    /// Appends the last event of this execution and the first of the next.
    pub(crate) fn continue_as_new(self) -> Self {
        self.append(1)
            .end(ExecutionStatus::ContinuedAsNew, None)
            .next(1)
    }

    /// Opens the next execution with so many events, whatever became of this one.
    pub(crate) fn next(self, event_count: u64) -> Self {
        self.open_next().append(event_count)
    }

    /// Opens the next execution with so many events of these bytes.
    pub(crate) fn next_bytes(self, event_count: u64, body: Bytes) -> Self {
        self.open_next().append_bytes(event_count, body)
    }

    fn open_next(mut self) -> Self {
        self.position = Position {
            execution: self.position.execution + 1,
            next_event_id: 1,
        };
        self
    }

    pub(crate) fn execution(mut self, update: ExecutionUpdate) -> Self {
        self.commit.executions.push(update);
        self
    }

    /// Schedules an activity of the current execution into the default queue.
    pub(crate) fn activity(self, activity_id: u64) -> Self {
        self.activity_in(TaskQueue::DEFAULT, activity_id)
    }

    pub(crate) fn activity_in(mut self, queue: &str, activity_id: u64) -> Self {
        self.commit.activities.push(NewActivity {
            execution: self.position.execution,
            activity_id,
            queue: TaskQueue(queue.into()),
            reservation: None,
            body: Bytes::from(format!("activity {activity_id}")),
        });
        self
    }

    pub(crate) fn activities(self, ids: RangeInclusive<u64>) -> Self {
        ids.fold(self, Self::activity)
    }

    /// Schedules an activity that is leased already.
    pub(crate) fn reserved(self, activity_id: u64, token: LeaseToken, lease: Duration) -> Self {
        let mut builder = self.activity(activity_id);
        let activity = builder.commit.activities.last_mut();
        activity.expect("it was just added").reservation = Some(Reservation { token, lease });
        builder
    }

    /// Replaces what is done to executions.
    pub(crate) fn executions(mut self, updates: Vec<ExecutionUpdate>) -> Self {
        self.commit.executions = updates;
        self
    }

    /// Replaces the body of the last new activity.
    pub(crate) fn activity_body(mut self, body: Bytes) -> Self {
        let activity = self.commit.activities.last_mut();
        activity.expect("the case schedules one before").body = body;
        self
    }

    /// Sends this before everything else.
    pub(crate) fn first_message(mut self, envelope: Envelope) -> Self {
        self.commit.messages.insert(0, envelope);
        self
    }

    pub(crate) fn cancel(mut self, cancel: ActivityCancel) -> Self {
        self.commit.cancelled.push(cancel);
        self
    }

    /// Cancels one activity of the current execution.
    pub(crate) fn cancel_one(self, activity_id: u64) -> Self {
        let execution = self.position.execution;
        self.cancel(ActivityCancel::One {
            execution,
            activity_id,
        })
    }

    pub(crate) fn complete_activity(mut self, lease: ActivityLease) -> Self {
        self.commit.completed.push(lease);
        self
    }

    pub(crate) fn send(mut self, envelope: Envelope) -> Self {
        self.commit.messages.push(envelope);
        self
    }

    /// Awaits these topics from now on.
    pub(crate) fn awaiting(mut self, topics: &[&str]) -> Self {
        self.commit.awaited = topics.iter().map(|topic| Topic::from(*topic)).collect();
        self
    }

    pub(crate) fn suspend(mut self, suspended: bool) -> Self {
        self.commit.suspended = Some(suspended);
        self
    }

    /// Has the instance expire so long after this commit, if that ends it.
    pub(crate) fn expire_after(mut self, after: Duration) -> Self {
        self.commit.expire_after = Some(after);
        self
    }

    /// Sets a value that does not expire.
    pub(crate) fn set(self, key: &str, value: &str) -> Self {
        self.update(key, Some((value, None)))
    }

    /// Sets a value that expires after this time.
    pub(crate) fn expiring(self, key: &str, value: &str, after: Duration) -> Self {
        self.update(key, Some((value, Some(after))))
    }

    /// Removes a value.
    pub(crate) fn remove(self, key: &str) -> Self {
        self.update(key, None)
    }

    fn update(mut self, key: &str, value: Option<(&str, Option<Duration>)>) -> Self {
        self.commit.values.push(ValueUpdate {
            key: ValueKey::from(key),
            value: value.map(|(value, expires_after)| NewValue {
                value: Bytes::copy_from_slice(value.as_bytes()),
                expires_after,
            }),
        });
        self
    }

    pub(crate) fn core_state(mut self, core_state: Bytes) -> Self {
        self.commit.head.core_state = core_state;
        self
    }

    pub(crate) fn describe(mut self, head: HeadUpdate) -> Self {
        self.commit.head = head;
        self
    }

    pub(crate) fn build(self) -> TurnCommit {
        self.commit
    }
}

impl From<TurnBuilder> for TurnCommit {
    fn from(builder: TurnBuilder) -> Self {
        builder.commit
    }
}
