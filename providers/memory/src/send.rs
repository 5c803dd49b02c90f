//! Messages on their way to an inbox.

use std::time::Duration;

use duroxide_core::providers::{
    Envelope, Incarnation, InstanceId, Limits, Message, MessageId, ProviderError, Recipient,
    refusal,
};

use crate::defect::Defect;
use crate::inbox::Slot;
use crate::state::{Instance, State};

impl State {
    /// A client's message: it hears of an instance that is there already, or is not (STA-01,
    /// STA-02, STA-04, IDM-03), and of an inbox that is full (LIM-03).
    pub(crate) fn send_from_client(
        &mut self,
        limits: &Limits,
        envelope: Envelope,
    ) -> Result<(), ProviderError> {
        let id = envelope.recipient.instance();
        match &envelope.recipient {
            Recipient::NewInstance { .. } => {
                let started_by_it = envelope.message.id.incarnation();
                if self.has(Defect::StartOverwrites) {
                    self.remove(id);
                }
                if self.instances.contains_key(id) && !self.lives(id, Some(started_by_it)) {
                    return Err(refusal::already_exists(id));
                }
            }
            Recipient::Instance { incarnation, .. } => {
                if !self.lives(id, *incarnation) {
                    return Err(refusal::not_found("commit", id));
                }
                let is_full = self.is_full_for(id, envelope.message.id, limits.inbox_messages_max);
                if is_full || self.refuses_repeat(id, envelope.message.id) {
                    return Err(refusal::inbox_full(id, limits.inbox_messages_max));
                }
            }
        }
        self.send(envelope);
        Ok(())
    }

    /// Stores a message, and answers its id if nobody is there to receive it (MSG-05).
    pub(crate) fn send(&mut self, envelope: Envelope) -> Option<MessageId> {
        let Envelope {
            recipient,
            delay,
            message,
        } = envelope;
        match recipient {
            Recipient::NewInstance {
                instance: id,
                orchestration,
                core_state,
            } => {
                let incarnation = message.id.incarnation();
                // The start that created it has done its work, however often it comes (STA-03).
                let is_new = !self.lives(&id, Some(incarnation));
                if is_new || self.has(Defect::RepeatedStartIsNews) {
                    if self.drops_start(&id) {
                        return None;
                    }
                    let now_ms = self.now_ms;
                    self.instances.entry(id.clone()).or_insert_with(|| {
                        Instance::new(id.clone(), incarnation, orchestration, core_state, now_ms)
                    });
                    self.store_message(&id, delay, message);
                }
                None
            }
            Recipient::Instance {
                instance: id,
                incarnation,
            } => {
                if !self.lives(&id, incarnation) {
                    return Some(message.id);
                }
                self.store_message(&id, delay, message);
                None
            }
        }
    }

    /// Whether there is such an instance, in this life of it if one is named.
    fn lives(&self, id: &InstanceId, incarnation: Option<Incarnation>) -> bool {
        let incarnation = incarnation.filter(|_| !self.has(Defect::LivesAreConfused));
        self.instances
            .get(id)
            .is_some_and(|it| incarnation.is_none_or(|life| life == it.head.incarnation))
    }

    /// Whether the inbox has no room for this message, which is not in it (LIM-03).
    pub(crate) fn is_full_for(&self, id: &InstanceId, message: MessageId, max: usize) -> bool {
        let inbox = self.instances.get(id).map(|it| &it.inbox);
        inbox.is_some_and(|inbox| inbox.len() >= max && !inbox.slots.contains_key(&message))
    }

    fn store_message(&mut self, id: &InstanceId, delay: Duration, message: Message) {
        if self.loses_message(id, message.id) {
            return;
        }
        let mut slot = Slot {
            at_ms: self.after(delay),
            arrival: self.next_arrival(),
        };
        if self.is_defective() {
            self.spoil_arrival(id, &mut slot, message.id);
        }
        if let Some(instance) = self.instances.get_mut(id) {
            instance.inbox.store(slot, message);
            self.refresh(id);
        }
    }
}
