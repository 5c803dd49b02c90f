//! Instances whose turns send messages.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    Channel, Commit, CommitId, Envelope, ExecutionStatus, ExecutionUpdate, Fence, HeadUpdate,
    HistoryChunk, Incarnation, InstanceId, Message, MessageId, NewInstance, Parent, Position,
    Recipient, TurnCommit,
};

use super::pair::Pair;

/// An instance that takes turns without leases.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) id: InstanceId,
    pub(super) incarnation: Incarnation,
    next_event: u64,
    commit_id: Option<CommitId>,
}

pub(super) fn id(instance: &str) -> InstanceId {
    InstanceId::new(instance).unwrap()
}

pub(super) fn message(body: &str) -> Message {
    Message {
        id: Entropy.message_id(),
        channel: Channel::System,
        execution: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// A message to whichever life of an instance there is.
pub(super) fn to(instance: &str, body: &str) -> Envelope {
    Envelope {
        recipient: Recipient::Instance {
            instance: id(instance),
            incarnation: None,
        },
        delay: Duration::ZERO,
        message: message(body),
    }
}

impl Sender {
    /// An instance that a client starts there.
    pub(super) async fn start(pair: &mut Pair, part: usize, instance: &str) -> Self {
        let message = message("start");
        let sender = Self::begun(instance, message.id);
        let start = Envelope {
            recipient: Recipient::NewInstance(NewInstance::new(id(instance), "Orchestration")),
            delay: Duration::ZERO,
            message,
        };
        pair.commit(part, Commit::Send(start)).await;
        sender
    }

    /// An instance that this message has created.
    pub(super) fn begun(instance: &str, start: MessageId) -> Self {
        Self {
            id: id(instance),
            incarnation: Incarnation(start.0),
            next_event: 1,
            commit_id: None,
        }
    }

    /// A message to this life of it.
    pub(super) fn told(&self, body: &str) -> Envelope {
        Envelope {
            recipient: Recipient::Instance {
                instance: self.id.clone(),
                incarnation: Some(self.incarnation),
            },
            delay: Duration::ZERO,
            message: message(body),
        }
    }

    /// The start of a child.
    pub(super) fn child(&self, instance: &str, orchestration: &str, message: Message) -> Envelope {
        let parent = Parent {
            instance: self.id.clone(),
            incarnation: self.incarnation,
        };
        Envelope {
            recipient: Recipient::NewInstance(NewInstance {
                parent: Some(parent),
                ..NewInstance::new(id(instance), orchestration)
            }),
            delay: Duration::ZERO,
            message,
        }
    }

    /// A turn that sends these messages.
    pub(super) fn turn(&mut self, messages: Vec<Envelope>) -> Commit {
        let commit_id = Entropy.commit_id();
        let turn = TurnCommit {
            instance: self.id.clone(),
            commit_id,
            fence: Fence::Unleased {
                incarnation: self.incarnation,
                position: Position {
                    execution: 1,
                    next_event_id: self.next_event,
                },
                commit_id: self.commit_id,
            },
            head: HeadUpdate {
                orchestration: "Orchestration".to_owned(),
                version: None,
                core_state: Bytes::new(),
            },
            executions: vec![ExecutionUpdate {
                execution: 1,
                chunk: Some(HistoryChunk {
                    first_event_id: self.next_event,
                    event_count: 1,
                    body: Bytes::from_static(b"chunk"),
                }),
                status: ExecutionStatus::Running,
                output: None,
            }],
            awaited: Vec::new(),
            suspended: None,
            expire_after: None,
            values: Vec::new(),
            consumed: Vec::new(),
            purge_through: None,
            activities: Vec::new(),
            cancelled: Vec::new(),
            completed: Vec::new(),
            messages,
        };
        self.next_event += 1;
        self.commit_id = Some(commit_id);
        Commit::Turn(turn)
    }

    /// A turn that ends it and sends these messages.
    pub(super) fn end(&mut self, messages: Vec<Envelope>) -> Commit {
        let mut commit = self.turn(messages);
        if let Commit::Turn(turn) = &mut commit {
            turn.executions[0].status = ExecutionStatus::Completed;
            turn.executions[0].output = Some(Bytes::from_static(b"output"));
        }
        commit
    }

    /// Takes a turn that sends messages of these bodies to an instance.
    pub(super) async fn say(
        &mut self,
        pair: &mut Pair,
        part: usize,
        receiver: &str,
        bodies: &[&str],
    ) {
        let messages = bodies.iter().map(|body| to(receiver, body)).collect();
        let turn = self.turn(messages);
        pair.commit(part, turn).await;
    }
}
