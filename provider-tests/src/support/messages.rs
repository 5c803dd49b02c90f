//! Messages and starts.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    Channel, Commit, Committed, Envelope, IfExists, Incarnation, Message, MessageId, NewInstance,
    ProviderError, Recipient, TaskQueue,
};

use super::{Cx, id};

/// An envelope to whichever life of an instance there is.
pub(crate) fn to(instance: &str, message: Message) -> Envelope {
    later(instance, message, Duration::ZERO)
}

/// An envelope whose message becomes visible after a delay.
pub(crate) fn later(instance: &str, message: Message, delay: Duration) -> Envelope {
    Envelope {
        recipient: Recipient::Instance {
            instance: id(instance),
            incarnation: None,
        },
        delay,
        message,
    }
}

impl Cx {
    /// A message with a fresh id, to whichever execution is current.
    pub(crate) fn message(&self) -> Message {
        let id = MessageId(self.unique());
        Message {
            id,
            channel: Channel::System,
            execution: None,
            body: Bytes::from(format!("message {id}")),
        }
    }

    /// Mail of a topic with a fresh id.
    pub(crate) fn mail(&self, topic: &str) -> Message {
        Message {
            channel: Channel::Topic(topic.into()),
            ..self.message()
        }
    }

    /// A message with a fresh id, to this execution.
    pub(crate) fn message_to_execution(&self, execution: u64) -> Message {
        Message {
            execution: Some(execution),
            ..self.message()
        }
    }

    /// An envelope that starts this instance.
    pub(crate) fn start_of(&self, instance: &str) -> Envelope {
        self.start_in(TaskQueue::DEFAULT, instance)
    }

    /// An envelope that starts this instance in this queue.
    pub(crate) fn start_in(&self, queue: &str, instance: &str) -> Envelope {
        Envelope {
            recipient: Recipient::NewInstance(NewInstance {
                queue: queue.into(),
                core_state: Bytes::from_static(b"parent"),
                ..NewInstance::new(id(instance), "Orchestration")
            }),
            delay: Duration::ZERO,
            message: self.message(),
        }
    }

    /// An envelope that starts this instance in the place of one that has ended.
    pub(crate) fn replacing_start_of(&self, instance: &str) -> Envelope {
        let mut start = self.start_of(instance);
        if let Recipient::NewInstance(newborn) = &mut start.recipient {
            newborn.if_exists = IfExists::ReplaceEnded;
        }
        start
    }

    /// An envelope to one life of an instance.
    pub(crate) fn to_life(&self, instance: &str, incarnation: Incarnation) -> Envelope {
        Envelope {
            recipient: Recipient::Instance {
                instance: id(instance),
                incarnation: Some(incarnation),
            },
            delay: Duration::ZERO,
            message: self.message(),
        }
    }

    /// Sends mail of a topic to an instance until no more fits, and returns the first.
    pub(crate) async fn fill(&self, instance: &str, topic: &str) -> Envelope {
        self.send_mail(instance, topic, self.limits().topic_messages_max)
            .await
    }

    /// Sends so much mail of a topic; answers the first one.
    pub(crate) async fn send_mail(&self, instance: &str, topic: &str, mail_max: usize) -> Envelope {
        let first = to(instance, self.mail(topic));
        self.send(first.clone()).await;
        let limits = self.limits();
        let mut waiting = 1;
        while waiting < mail_max {
            let count = (mail_max - waiting).min(limits.commit_operations_max);
            let mail = (0..count).map(|_| Commit::Send(to(instance, self.mail(topic))));
            for answer in self.batch(mail.collect()).await {
                answer.expect("it is within the limit");
            }
            waiting += count;
        }
        first
    }

    /// Makes a call with several operations, and checks that each one has an answer.
    pub(crate) async fn batch(
        &self,
        operations: Vec<Commit>,
    ) -> Vec<Result<Committed, ProviderError>> {
        let count = operations.len();
        let answers = self.provider().commit(operations).await;
        assert_eq!(answers.len(), count, "each member has one answer");
        answers
    }

    /// Makes a call with one operation.
    pub(crate) async fn commit(&self, operation: Commit) -> Result<Committed, ProviderError> {
        self.batch(vec![operation]).await.remove(0)
    }

    pub(crate) async fn try_send(&self, envelope: Envelope) -> Result<Committed, ProviderError> {
        self.commit(Commit::Send(envelope)).await
    }

    /// Sends, and returns what was sent.
    pub(crate) async fn send(&self, envelope: Envelope) -> Message {
        let message = envelope.message.clone();
        let sent = self.try_send(envelope).await.expect("the send is valid");
        assert_eq!(sent, Committed::Sent);
        message
    }

    /// Starts an instance as a client does, and returns the start message.
    pub(crate) async fn start(&self, instance: &str) -> Message {
        self.send(self.start_of(instance)).await
    }

    /// Sends a fresh message to an instance.
    pub(crate) async fn poke(&self, instance: &str) -> Message {
        self.send(to(instance, self.message())).await
    }

    /// Sends a fresh message that becomes visible after a delay.
    pub(crate) async fn poke_later(&self, instance: &str, delay: Duration) -> Message {
        self.send(later(instance, self.message(), delay)).await
    }
}
