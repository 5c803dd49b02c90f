//! The messages that wait for one instance, by channel.

use std::collections::BTreeMap;

use duroxide::providers::{
    Channel, ClaimTurns, Delivery, Mail, MailMark, MailPage, Message, MessageId, ReadMail, Topic,
    check,
};

use crate::agenda::{Agenda, Slot};

/// The messages of an instance. Each channel has an agenda of its own, so that a backlog of mail is
/// in nobody's way.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    messages: BTreeMap<MessageId, Message>,
    channels: BTreeMap<Channel, Agenda<MessageId>>,
    mail_count: usize,
}

impl Inbox {
    pub(crate) fn put(&mut self, message: Message, slot: Slot) {
        self.mail_count += usize::from(message.channel.topic().is_some());
        let channel = self.channels.entry(message.channel.clone()).or_default();
        channel.put(message.id, slot);
        self.messages.insert(message.id, message);
    }

    pub(crate) fn remove(&mut self, id: MessageId) {
        let Some(message) = self.messages.remove(&id) else {
            return;
        };
        self.mail_count -= usize::from(message.channel.topic().is_some());
        if let Some(channel) = self.channels.get_mut(&message.channel) {
            channel.remove(&id);
            if channel.next_ms().is_none() {
                self.channels.remove(&message.channel);
            }
        }
    }

    pub(crate) fn contains(&self, id: MessageId) -> bool {
        self.messages.contains_key(&id)
    }

    /// How much waits where a message of this channel would come to lie (LIM-03).
    pub(crate) fn waiting(&self, channel: &Channel) -> check::Waiting {
        check::Waiting {
            in_channel: self.channels.get(channel).map_or(0, Agenda::len),
            mail: self.mail_count,
        }
    }

    /// When the first message of a channel is due, or was.
    pub(crate) fn next_ms(&self, channel: &Channel) -> Option<u64> {
        self.channels.get(channel)?.next_ms()
    }

    /// When the first mail of these topics is due, or was.
    pub(crate) fn mail_ms(&self, topics: &[Topic]) -> Option<u64> {
        let channels = topics.iter().cloned().map(Channel::Topic);
        channels.filter_map(|channel| self.next_ms(&channel)).min()
    }

    /// The due messages of these channels within the limits, at least one of them (CLM-02).
    pub(crate) fn due(
        &self,
        channels: &[Channel],
        request: &ClaimTurns,
        now_ms: u64,
    ) -> Vec<Delivery> {
        let mut taken = Vec::new();
        let mut bytes = 0_usize;
        let agendas = channels.iter().filter_map(|it| self.channels.get(it));
        for (slot, id) in agendas.flat_map(|agenda| agenda.due(now_ms)) {
            let Some(message) = self.messages.get(id) else {
                continue;
            };
            bytes = bytes.saturating_add(message.body.len());
            let is_full = taken.len() >= request.messages_max || bytes > request.bytes_max;
            if is_full && !taken.is_empty() {
                break;
            }
            taken.push(Delivery {
                due_at_ms: slot.at_ms,
                message: message.clone(),
            });
        }
        taken
    }

    /// The oldest due mail of each topic (MAI-02, MAI-03).
    pub(crate) fn mail(&self, request: &ReadMail, now_ms: u64) -> MailPage {
        let mut page = MailPage::default();
        for cursor in &request.topics {
            let channel = Channel::Topic(cursor.topic.clone());
            let due = self.channels.get(&channel).into_iter();
            let due = due.flat_map(|agenda| agenda.due(now_ms));
            let mut unread = due.filter(|(slot, _)| Some(mark_of(*slot)) > cursor.after);
            for (slot, id) in unread.by_ref().take(request.per_topic_max) {
                page.mail.extend(self.messages.get(id).map(|message| Mail {
                    mark: mark_of(slot),
                    message: message.clone(),
                }));
            }
            page.more |= unread.next().is_some();
        }
        // By time over all topics, so that what does not fit is never older than what does.
        page.mail.sort_by_key(|mail| mail.mark);
        let mut bytes = 0_usize;
        let fits = |mail: &&Mail| {
            bytes = bytes.saturating_add(mail.message.body.len());
            bytes <= request.bytes_max
        };
        let fitting = page.mail.iter().take_while(fits).count().max(1);
        page.more |= page.mail.len() > fitting;
        page.mail.truncate(fitting);
        page
    }

    /// What is addressed to this execution or an earlier one. Mail is addressed to none (COM-03).
    pub(crate) fn addressed_through(&self, execution: u64) -> Vec<MessageId> {
        let agendas = [Channel::Control, Channel::System];
        let agendas = agendas.iter().filter_map(|it| self.channels.get(it));
        let messages = agendas.flat_map(|agenda| agenda.iter());
        let messages = messages.filter_map(|(_, id)| self.messages.get(id));
        messages
            .filter(|message| message.execution.is_some_and(|to| to <= execution))
            .map(|message| message.id)
            .collect()
    }

    /// Everything, each channel in its order, with the time from which it is due.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Message)> {
        let slots = self.channels.values().flat_map(|agenda| agenda.iter());
        let mut slots: Vec<_> = slots.collect();
        slots.sort();
        let messages = slots.into_iter();
        messages.filter_map(|(slot, id)| Some((slot.at_ms, self.messages.get(id)?)))
    }

    /// The messages behind a place, channel by channel.
    pub(crate) fn behind<'a>(
        &'a self,
        place: Option<&'a (Channel, Slot)>,
    ) -> impl Iterator<Item = (Slot, &'a Message)> {
        let channels = self.channels.iter();
        let slots = channels.flat_map(|(channel, agenda)| {
            let slots = agenda.iter();
            slots.map(move |(slot, id)| ((channel, slot), id))
        });
        let behind = slots.filter(move |(it, _)| {
            let place = place.map(|(channel, slot)| (channel, *slot));
            place.is_none_or(|place| *it > place)
        });
        behind.filter_map(|((_, slot), id)| Some((slot, self.messages.get(id)?)))
    }

    /// How many messages are due, and how many will be. Of mail only what is awaited counts (ADM-03).
    pub(crate) fn depths(&self, now_ms: u64, awaited: &[Topic]) -> (usize, usize) {
        let awaited = awaited.iter().cloned().map(Channel::Topic);
        let channels = [Channel::Control, Channel::System]
            .into_iter()
            .chain(awaited);
        let agendas = channels.filter_map(|it| self.channels.get(&it));
        agendas.fold((0, 0), |(due, later), agenda| {
            let now = agenda.due(now_ms).count();
            (due + now, later + agenda.len() - now)
        })
    }
}

fn mark_of(slot: Slot) -> MailMark {
    MailMark {
        due_at_ms: slot.at_ms,
        arrival: slot.arrival,
    }
}
