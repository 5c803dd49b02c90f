//! Messages: on their way to an inbox, and out of it.

use std::time::Duration;

use duroxide::providers::{
    Channel, Envelope, InstanceId, Limits, Message, MessageId, ProviderError, Recipient, check,
    refusal,
};

use crate::change::Change;
use crate::state::State;

impl State {
    /// A client's message. Unlike a turn, a client hears that an instance is there already, or is
    /// not (STA-01, STA-02, STA-04, STA-08, IDM-03), and that too many messages wait for it (LIM-03).
    pub(crate) fn send_from_client(
        &mut self,
        limits: &Limits,
        envelope: Envelope,
    ) -> Result<(), ProviderError> {
        let id = envelope.recipient.instance();
        check::envelope_limits(limits, id, &envelope)?;
        match &envelope.recipient {
            Recipient::NewInstance(newborn) => {
                // The start that created the instance has done its work, however often it comes.
                let life = envelope.message.id.incarnation();
                if self.lives(id, None) && !self.lives(id, Some(life)) {
                    if !newborn.replaces_ended() || !self.has_ended(id) || self.awaits_control(id) {
                        return Err(refusal::already_exists(id));
                    }
                    // In one step with the start, since both are changes of one operation (STA-08).
                    self.remove_instance(id);
                }
            }
            Recipient::Instance { incarnation, .. } => {
                if !self.lives(id, *incarnation) {
                    return Err(refusal::not_found("commit", id));
                }
                self.check_room(limits, id, &envelope.message)?;
            }
        }
        self.send(envelope);
        Ok(())
    }

    /// Whether an instance takes a client's message. One that it has already is no other one (MSG-02).
    fn check_room(
        &self,
        limits: &Limits,
        id: &InstanceId,
        message: &Message,
    ) -> Result<(), ProviderError> {
        match self.instances.get(id) {
            Some(it) if !it.inbox.contains(message.id) => {
                let waiting = it.inbox.waiting(&message.channel);
                check::room(limits, &it.head, message, waiting)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Stores a message, or drops it if nobody is there to receive it (MSG-05, STA-06). Answers how
    /// many were dropped.
    pub(crate) fn send(&mut self, envelope: Envelope) -> usize {
        let (mut message, mut delay) = (envelope.message, envelope.delay);
        let id = match envelope.recipient {
            Recipient::NewInstance(newborn) => {
                // The id of the start is the life that it begins (STA-05).
                let life = message.id.incarnation();
                let instance = newborn.instance.clone();
                if self.lives(&instance, Some(life)) {
                    return 0;
                }
                // If another life is there, it gets the start as a message, now, suspended or not (STA-03).
                if self.lives(&instance, None) {
                    message.channel = Channel::Control;
                    delay = Duration::ZERO;
                } else {
                    self.create(newborn, life);
                }
                instance
            }
            Recipient::Instance {
                instance,
                incarnation,
            } => {
                if !self.lives(&instance, incarnation) {
                    return 1;
                }
                instance
            }
        };
        let Some(receiver) = self.instances.get(&id) else {
            return 1;
        };
        let is_mail = message.channel.topic().is_some();
        if is_mail && receiver.head.status.is_terminal() {
            return 1;
        }
        // One that waits there already is not stored again (MSG-02).
        if !receiver.inbox.contains(message.id) {
            self.change(Change::Message {
                instance: id,
                due_at_ms: self.after(delay),
                message,
            });
        }
        0
    }

    pub(crate) fn remove_message(&mut self, instance: &InstanceId, message: MessageId) {
        let receiver = self.instances.get(instance);
        if receiver.is_some_and(|it| it.inbox.contains(message)) {
            self.change(Change::MessageRemoved {
                instance: instance.clone(),
                message,
            });
        }
    }

    /// Removes what is addressed to this execution or an earlier one (COM-03).
    pub(crate) fn purge_through(&mut self, instance: &InstanceId, execution: u64) {
        let receiver = self.instances.get(instance);
        let purged = receiver.map_or_else(Vec::new, |it| it.inbox.addressed_through(execution));
        for message in purged {
            self.remove_message(instance, message);
        }
    }
}
