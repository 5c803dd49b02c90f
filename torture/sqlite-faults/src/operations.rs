//! The operations that an actor asks for, each with its entry in the ledger.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{Channel, 
    ActivityOutcome, ClaimedActivity, Commit, Envelope, ExecutionStatus, ExecutionUpdate, Fence,
    HeadUpdate, HistoryChunk, InstanceId, Message, MessageId, NewActivity,
    NewInstance, Recipient, TaskQueue, Turn, TurnCommit,
};

use crate::actor::{Actor, Asked, INSTANCE_COUNT, instance};
use crate::ledger::{Answer, Key, Origin, Sent, Ticket, TurnTry};

/// Below the limit of 4 KiB.
const STATE_BYTES_MAX: usize = 3_000;

impl Actor<'_> {
    pub(crate) fn start(&mut self, number: u64) -> Asked {
        let instance = instance(number);
        let recipient = Recipient::NewInstance(NewInstance::new(instance, "Orchestration"));
        self.client_message(recipient, true)
    }

    pub(crate) fn message(&mut self, recipient: u64) -> Asked {
        let recipient = Recipient::Instance {
            instance: instance(recipient),
            incarnation: None,
        };
        self.client_message(recipient, false)
    }

    fn client_message(&mut self, recipient: Recipient, starts: bool) -> Asked {
        let envelope = self.envelope(recipient, Origin::Client { starts });
        let id = envelope.message.id;
        (Commit::Send(envelope), Ticket::Message(id))
    }

    /// A message that is in the ledger.
    fn envelope(&mut self, recipient: Recipient, origin: Origin) -> Envelope {
        let message = self.note_message(recipient.instance().clone(), origin);
        Envelope {
            recipient,
            delay: Duration::ZERO,
            message,
        }
    }

    fn note_message(&mut self, recipient: InstanceId, origin: Origin) -> Message {
        let id: MessageId = Entropy.message_id();
        let body = self.bytes("message");
        let sent = Sent {
            origin,
            recipient,
            body: body.clone(),
            answer: Answer::Unknown,
        };
        self.ledger.lock().sent.insert(id, sent);
        Message {
            id,
            channel: Channel::System,
            execution: None,
            body,
        }
    }

    /// A turn of one event that consumes what was claimed, sends a message to another instance and
    /// schedules an activity.
    pub(crate) fn turn(&mut self, turn: &Turn, key: Key) -> Asked {
        let commit_id = Entropy.commit_id();
        let activity = (self.rng.u8(0..4) > 0).then(|| self.bytes("activity"));
        let attempt = TurnTry {
            commit_id,
            body: self.bytes("event"),
            core_state: self.bytes_below("state", STATE_BYTES_MAX),
            consumed: turn.messages.iter().map(|message| message.id).collect(),
            activity: activity.clone(),
            answer: Answer::Unknown,
        };
        let origin = Origin::Turn {
            key: key.clone(),
            commit_id,
        };
        let recipient = Recipient::Instance {
            instance: instance(self.rng.u64(0..INSTANCE_COUNT)),
            incarnation: None,
        };
        let sends = self.rng.bool();
        let messages = sends.then(|| self.envelope(recipient, origin));
        let position = turn.head.position;
        let commit = TurnCommit {
            instance: key.0.clone(),
            commit_id,
            fence: Fence::At {
                lease: turn.lease.token,
                position,
            },
            head: HeadUpdate {
                orchestration: "Orchestration".to_owned(),
                version: None,
                core_state: attempt.core_state.clone(),
            },
            executions: vec![ExecutionUpdate {
                execution: position.execution,
                chunk: Some(HistoryChunk {
                    first_event_id: position.next_event_id,
                    event_count: 1,
                    body: attempt.body.clone(),
                }),
                status: ExecutionStatus::Running,
                output: None,
            }],
            awaited: Vec::new(),
            suspended: None,
            expire_after: None,
            values: Vec::new(),
            consumed: attempt.consumed.clone(),
            purge_through: None,
            activities: activity
                .map(|body| NewActivity {
                    execution: position.execution,
                    activity_id: position.next_event_id,
                    queue: TaskQueue::default(),
                    reservation: None,
                    body,
                })
                .into_iter()
                .collect(),
            cancelled: Vec::new(),
            completed: Vec::new(),
            messages: messages.into_iter().collect(),
        };
        let mut ledger = self.ledger.lock();
        ledger.turns.entry(key.clone()).or_default().push(attempt);
        (Commit::Turn(commit), Ticket::Turn(key, commit_id))
    }

    pub(crate) fn outcome(&mut self, activity: &ClaimedActivity, key: Key) -> Asked {
        let message = self.note_message(key.0.clone(), Origin::Activity(key));
        let id = message.id;
        let outcome = ActivityOutcome {
            lease: activity.lease.clone(),
            message: Some(message),
        };
        (Commit::Activity(outcome), Ticket::Message(id))
    }

    /// Bytes that no other body has, sometimes of several pages.
    fn bytes(&mut self, kind: &str) -> Bytes {
        let length_max = match self.rng.u8(0..16) {
            0 => 30_000,
            1..=4 => 5_000,
            _ => 200,
        };
        self.bytes_below(kind, length_max)
    }

    fn bytes_below(&mut self, kind: &str, length_max: usize) -> Bytes {
        let mut bytes = format!("{kind} {} ", self.rng.u64(..)).into_bytes();
        let length = self.rng.usize(0..length_max);
        bytes.resize_with(bytes.len() + length, || self.rng.u8(b'a'..=b'z'));
        Bytes::from(bytes)
    }
}
