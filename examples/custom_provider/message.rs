//! Messages: on their way to an inbox, and out of it.

use duroxide::providers::{
    Envelope, InstanceId, Limits, MessageId, ProviderError, Recipient, check, refusal,
};

use crate::change::Change;
use crate::state::State;

impl State {
    /// A client's message. Unlike a turn, a client hears that an instance is there already, or is
    /// not (STA-01, STA-02, STA-04, IDM-03), and that too many messages wait for it (LIM-03).
    pub(crate) fn send_from_client(
        &mut self,
        limits: &Limits,
        envelope: Envelope,
    ) -> Result<(), ProviderError> {
        let id = envelope.recipient.instance();
        check::envelope_limits(limits, id, &envelope)?;
        match &envelope.recipient {
            Recipient::NewInstance { .. } => {
                let life = envelope.message.id.incarnation();
                if self.lives(id, None) && !self.lives(id, Some(life)) {
                    return Err(refusal::already_exists(id));
                }
            }
            Recipient::Instance { incarnation, .. } => {
                if !self.lives(id, *incarnation) {
                    return Err(refusal::not_found("commit", id));
                }
                let max = limits.inbox_messages_max;
                let is_full = self.instances.get(id).is_some_and(|it| {
                    it.messages.len() >= max && !it.messages.contains_key(&envelope.message.id)
                });
                if is_full {
                    return Err(refusal::inbox_full(id, max));
                }
            }
        }
        self.send(envelope);
        Ok(())
    }

    /// Stores a message, or answers its id if nobody is there to receive it (MSG-05).
    pub(crate) fn send(&mut self, envelope: Envelope) -> Option<MessageId> {
        let message = envelope.message;
        let id = match envelope.recipient {
            Recipient::NewInstance {
                instance,
                orchestration,
                core_state,
            } => {
                // The id of the start is the life that it begins (STA-05).
                let life = message.id.incarnation();
                if self.lives(&instance, Some(life)) {
                    return None;
                }
                // If another life is there, it gets the start as a message (STA-03).
                if !self.lives(&instance, None) {
                    let head = self.new_head(instance.clone(), life, orchestration, core_state);
                    self.change(Change::Head(head));
                }
                instance
            }
            Recipient::Instance {
                instance,
                incarnation,
            } => {
                if !self.lives(&instance, incarnation) {
                    return Some(message.id);
                }
                instance
            }
        };
        let receiver = self.instances.get(&id);
        // One that waits there already is not stored again (MSG-02).
        if receiver.is_some_and(|it| !it.inbox.contains(&message.id)) {
            self.change(Change::Message {
                instance: id,
                visible_at_ms: self.after(envelope.delay),
                message,
            });
        }
        None
    }

    pub(crate) fn remove_message(&mut self, instance: &InstanceId, message: MessageId) {
        let receiver = self.instances.get(instance);
        if receiver.is_some_and(|it| it.inbox.contains(&message)) {
            self.change(Change::MessageRemoved {
                instance: instance.clone(),
                message,
            });
        }
    }

    /// Removes what is addressed to this execution or an earlier one (COM-03).
    pub(crate) fn purge_through(&mut self, instance: &InstanceId, execution: u64) {
        let receiver = self.instances.get(instance).into_iter();
        let messages = receiver.flat_map(|it| it.messages.values());
        let purged: Vec<MessageId> = messages
            .filter(|message| message.execution.is_some_and(|to| to <= execution))
            .map(|message| message.id)
            .collect();
        for message in purged {
            self.remove_message(instance, message);
        }
    }
}
