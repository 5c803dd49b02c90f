//! Messages, as scripts are given them.

use duroxide_core::providers::{Channel, Envelope, Message, NewInstance, Recipient};
use serde::Serialize;

use crate::codes::{Id, Number, millis};

/// A message with its address.
#[derive(Serialize)]
pub(crate) struct EnvelopeRequest<'a> {
    to: &'a str,
    /// Which life of it; none is whichever there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<NewRequest<'a>>,
    delay: u64,
    /// In which partition the receiver is, if it is another one than that of the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<usize>,
    message: MessageRequest<'a>,
}

impl<'a> EnvelopeRequest<'a> {
    pub(crate) fn of(envelope: &'a Envelope) -> Self {
        let (life, new) = match &envelope.recipient {
            Recipient::NewInstance(newborn) => (None, Some(NewRequest::of(newborn))),
            Recipient::Instance { incarnation, .. } => (incarnation.map(|it| Id(it.0)), None),
        };
        Self {
            to: envelope.recipient.instance().as_str(),
            life,
            new,
            delay: millis(envelope.delay),
            part: None,
            message: MessageRequest::of(&envelope.message),
        }
    }

    /// Leaves it to the relay, if this says that its receiver belongs to another partition.
    pub(crate) fn route(&mut self, part_of: impl Fn(&str) -> Option<usize>) {
        self.part = part_of(self.to);
    }
}

/// A message.
#[derive(Serialize)]
pub(crate) struct MessageRequest<'a> {
    id: Id,
    channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Number>,
    #[serde(with = "crate::codes::raw")]
    body: &'a [u8],
}

impl<'a> MessageRequest<'a> {
    pub(crate) fn of(message: &'a Message) -> Self {
        Self {
            id: Id(message.id.0),
            channel: channel_code(&message.channel),
            execution: message.execution.map(Number),
            body: &message.body,
        }
    }
}

/// How a channel is named in keys.
pub(crate) fn channel_code(channel: &Channel) -> String {
    match channel {
        Channel::Control => "c".to_owned(),
        Channel::System => "s".to_owned(),
        Channel::Topic(topic) => format!("t{}", topic.as_str()),
    }
}

/// An instance that is created.
#[derive(Serialize)]
pub(crate) struct NewRequest<'a> {
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_life: Option<Id>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<(&'a str, &'a str)>,
    orchestration: &'a str,
    #[serde(with = "crate::codes::raw")]
    core_state: &'a [u8],
    /// Whether it may take the place of one that has ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replaces: bool,
}

impl<'a> NewRequest<'a> {
    pub(crate) fn of(newborn: &'a NewInstance) -> Self {
        let labels = newborn.labels.iter();
        Self {
            queue: newborn.queue.as_str(),
            parent: newborn.parent.as_ref().map(|it| it.instance.as_str()),
            parent_life: newborn.parent.as_ref().map(|it| Id(it.incarnation.0)),
            labels: labels.map(|(key, value)| (&**key, &**value)).collect(),
            orchestration: &newborn.orchestration,
            core_state: &newborn.core_state,
            replaces: newborn.replaces_ended(),
        }
    }
}
