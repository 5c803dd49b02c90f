//! Envelopes as columns of a call.

use duroxide_core::providers::{Envelope, Recipient};
use uuid::Uuid;

use crate::call::Refs;
use crate::channel;
use crate::codes::{bounded, millis};
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
}

impl<'a> EnvelopeColumns<'a> {
    /// Adds an envelope of this turn, or of a client.
    pub(crate) fn push(&mut self, turn: i32, envelope: &'a Envelope, refs: &mut Refs<'a>) {
        let message = &envelope.message;
        self.turns.push(turn);
        self.refs.push(refs.place(envelope.recipient.instance()));
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
    }
}

/// The queue of the instance that an envelope creates, if it creates one.
pub(crate) fn queue_of(envelope: &Envelope) -> Option<&str> {
    let created = envelope.recipient.created();
    created.map(|newborn| newborn.queue.as_str())
}
