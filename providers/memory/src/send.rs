//! Messages on their way to an inbox.

use std::time::Duration;

use duroxide_core::providers::{
    Channel, Envelope, Incarnation, InstanceId, Limits, Message, NewInstance, ProviderError,
    Recipient, check, refusal,
};

use crate::defect::Defect;
use crate::inbox::Slot;
use crate::state::{Instance, State};

impl State {
    /// A client's message: it hears of an instance that is there already, or is not (STA-01,
    /// STA-02, STA-04, STA-08, IDM-03), and of an inbox that is full (LIM-03).
    pub(crate) fn send_from_client(
        &mut self,
        limits: &Limits,
        envelope: Envelope,
    ) -> Result<(), ProviderError> {
        let id = envelope.recipient.instance();
        match &envelope.recipient {
            Recipient::NewInstance(newborn) => {
                let started_by_it = envelope.message.id.incarnation();
                if self.is_replaced(newborn, started_by_it) {
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
                self.check_room(limits, id, &envelope.message)?;
            }
        }
        self.send(envelope);
        Ok(())
    }

    /// Stores a message, or drops it if nobody is there to receive it (MSG-05). Answers how many were
    /// dropped.
    pub(crate) fn send(&mut self, envelope: Envelope) -> usize {
        let Envelope {
            recipient,
            delay,
            message,
        } = envelope;
        match recipient {
            Recipient::NewInstance(newborn) => {
                let id = newborn.instance.clone();
                let incarnation = message.id.incarnation();
                // The start that created it has done its work, however often it comes (STA-03).
                if self.has(Defect::TurnsReplace) && self.is_replaced(&newborn, incarnation) {
                    self.remove(&id);
                }
                let is_new = !self.lives(&id, Some(incarnation));
                if is_new || self.has(Defect::RepeatedStartIsNews) {
                    if self.drops_start(&id) {
                        return 0;
                    }
                    let (mut message, mut delay) = (message, delay);
                    if self.instances.contains_key(&id) {
                        // It must be answered now, whether the instance is suspended or not (STA-03).
                        if !self.has(Defect::StartOfAnExistingIsNoControl) {
                            message.channel = Channel::Control;
                        }
                        if !self.has(Defect::StartOfAnExistingWaits) {
                            delay = Duration::ZERO;
                        }
                    }
                    self.create(newborn, incarnation);
                    self.store_message(&id, delay, message);
                }
                0
            }
            Recipient::Instance {
                instance: id,
                incarnation,
            } => {
                if !self.lives(&id, incarnation) || self.is_mail_of_ended(&id, &message) {
                    return 1;
                }
                self.store_message(&id, delay, message);
                0
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

    /// Whether a client's start takes the place of the instance that is there, whoever holds that
    /// (STA-08); the start that created it does not (IDM-03).
    pub(crate) fn is_replaced(&self, newborn: &NewInstance, started_by_it: Incarnation) -> bool {
        let Some(instance) = self.instances.get(&newborn.instance) else {
            return false;
        };
        let Instance { head, hold, .. } = instance;
        let awaits = instance.awaits_control(self.now_ms);
        let is_over =
            head.status.is_terminal() && (!awaits || self.has(Defect::ReplacementSparesNobody));
        let may_go = is_over || self.has(Defect::ReplacesTheLiving);
        let is_other = head.incarnation != started_by_it || self.has(Defect::ReplacesItself);
        let is_held = hold.holder(self.now_ms).is_some();
        let is_feared = is_held && self.has(Defect::ReplacementFearsLeases);
        newborn.replaces_ended() && may_go && is_other && !is_feared
            || self.has(Defect::StartOverwrites)
    }

    /// Checks that an instance takes a client's message (STA-06, LIM-03), which one that it has is.
    fn check_room(
        &self,
        limits: &Limits,
        id: &InstanceId,
        message: &Message,
    ) -> Result<(), ProviderError> {
        let Some(Instance { head, inbox, .. }) = self.instances.get(id) else {
            return Ok(());
        };
        let is_repeat = inbox.places.contains_key(&message.id);
        if is_repeat && !self.has(Defect::FullInboxRefusesRepeats) {
            return Ok(());
        }
        let waiting = check::Waiting {
            in_channel: inbox.count(&message.channel),
            mail: inbox.mail_count(),
        };
        let checked = check::room(limits, head, message, waiting);
        checked.or_else(|error| self.takes_all_the_same(error))
    }

    /// Whether this is mail, and nobody will read it since the instance has ended.
    fn is_mail_of_ended(&self, id: &InstanceId, message: &Message) -> bool {
        let head = self.instances.get(id).map(|it| &it.head);
        !self.has(Defect::EndedTakeMail)
            && message.channel.topic().is_some()
            && head.is_some_and(|head| head.status.is_terminal())
    }

    fn store_message(&mut self, id: &InstanceId, delay: Duration, message: Message) {
        if self.loses_message(id, &message.channel) {
            return;
        }
        let mut slot = Slot {
            at_ms: self.after(delay),
            arrival: self.next_arrival(),
        };
        if self.is_defective() {
            self.spoil_arrival(id, &mut slot, &message);
        }
        if let Some(instance) = self.instances.get_mut(id) {
            instance.inbox.store(slot, message);
            self.refresh(id);
        }
    }
}
