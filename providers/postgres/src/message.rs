//! Envelopes as columns of a call.

use duroxide_core::providers::{Envelope, Incarnation, InstanceId, Labels, Parent, Recipient};
use uuid::Uuid;

use crate::call::Refs;
use crate::channel;
use crate::codes::{bounded, millis, place};
use crate::schema::Statement;
use crate::turn::storable;

/// Who sends an envelope that no turn sends.
pub(crate) const CLIENT: i32 = 0;

/// The envelopes of a call, those of turns and those of clients.
#[derive(Default)]
pub(crate) struct EnvelopeColumns<'a> {
    turns: Vec<i32>,
    refs: Vec<i32>,
    new_ids: Vec<Option<&'a str>>,
    incarnations: Vec<Option<Uuid>>,
    queues: Vec<Option<&'a str>>,
    orchestrations: Vec<Option<&'a str>>,
    core_states: Vec<Option<&'a [u8]>>,
    delays_ms: Vec<i64>,
    message_ids: Vec<Uuid>,
    channels: Vec<Vec<u8>>,
    executions: Vec<Option<i64>>,
    bodies: Vec<&'a [u8]>,
    /// The places of those that take the place of an instance that has ended.
    replacing: Vec<i32>,
    pub(crate) newborn: NewbornColumns<'a>,
}

/// What few new instances have, those of envelopes and those of turns.
#[derive(Default)]
pub(crate) struct NewbornColumns<'a> {
    pub(crate) turns: Parents,
    envelopes: Parents,
    label_refs: Vec<i32>,
    label_incarnations: Vec<Uuid>,
    label_keys: Vec<&'a [u8]>,
    label_values: Vec<&'a [u8]>,
}

/// Whose children new instances are, up to the last one that is anybody's.
#[derive(Default)]
pub(crate) struct Parents(Vec<Option<String>>);

impl Parents {
    /// Adds the parent of the new instance with this index.
    pub(crate) fn push(&mut self, index: usize, parent: Option<&Parent>) {
        if let Some(parent) = parent {
            let incarnation = parent.incarnation.0.as_hyphenated();
            self.0.resize(index, None);
            self.0
                .push(Some(format!("{incarnation}{}", parent.instance)));
        }
    }
}

impl<'a> NewbornColumns<'a> {
    /// Adds the labels of the new instance at this place, if it is this life that begins: a turn may start
    /// one id twice.
    pub(crate) fn push(&mut self, place: i32, incarnation: Incarnation, labels: &'a Labels) {
        for (key, value) in labels {
            self.label_refs.push(place);
            self.label_incarnations.push(incarnation.0);
            self.label_keys.push(key.as_bytes());
            self.label_values.push(value.as_bytes());
        }
    }

    pub(crate) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        statement
            .bind(self.turns.0)
            .bind(self.envelopes.0)
            .bind(self.label_refs)
            .bind(self.label_incarnations)
            .bind(self.label_keys)
            .bind(self.label_values)
    }
}

impl<'a> EnvelopeColumns<'a> {
    /// Adds an envelope of this turn, or of a client.
    pub(crate) fn push(&mut self, turn: i32, envelope: &'a Envelope, refs: &mut Refs<'a>) {
        let message = &envelope.message;
        let reference = refs.place(envelope.recipient.instance());
        let index = self.turns.len();
        self.turns.push(turn);
        self.refs.push(reference);
        if let Some(newborn) = envelope.recipient.created() {
            let incarnation = message.id.incarnation();
            self.newborn.push(reference, incarnation, &newborn.labels);
            self.newborn.envelopes.push(index, newborn.parent.as_ref());
        }
        let (new_id, incarnation, orchestration, core_state) = match &envelope.recipient {
            Recipient::NewInstance(newborn) => (
                Some(newborn.instance.as_str()),
                None,
                Some(storable(&newborn.orchestration)),
                Some(&*newborn.core_state),
            ),
            Recipient::Instance { incarnation, .. } => {
                (None, incarnation.map(|it| it.0), None, None)
            }
        };
        self.new_ids.push(new_id);
        self.incarnations.push(incarnation);
        self.queues.push(queue_of(envelope).map(storable));
        self.orchestrations.push(orchestration);
        self.core_states.push(core_state);
        self.delays_ms.push(millis(envelope.delay));
        self.message_ids.push(message.id.0);
        self.channels.push(channel::of(&message.channel));
        self.executions.push(message.execution.map(bounded));
        self.bodies.push(&message.body);
        if turn == CLIENT && replaced(envelope).is_some() {
            self.replacing.push(place(index));
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.turns.len()
    }

    pub(crate) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        statement
            .bind(self.turns)
            .bind(self.refs)
            .bind(self.new_ids)
            .bind(self.incarnations)
            .bind(self.queues)
            .bind(self.orchestrations)
            .bind(self.core_states)
            .bind(self.delays_ms)
            .bind(self.message_ids)
            .bind(self.channels)
            .bind(self.executions)
            .bind(self.bodies)
            .bind(self.replacing)
    }
}

/// The instance whose place a client's envelope takes if it has ended (STA-08).
pub(crate) fn replaced(envelope: &Envelope) -> Option<&InstanceId> {
    let created = envelope.recipient.created();
    let replacing = created.filter(|newborn| newborn.replaces_ended());
    replacing.map(|newborn| &newborn.instance)
}

/// The queue of the instance that an envelope creates, if it creates one.
pub(crate) fn queue_of(envelope: &Envelope) -> Option<&str> {
    let created = envelope.recipient.created();
    created.map(|newborn| newborn.queue.as_str())
}
