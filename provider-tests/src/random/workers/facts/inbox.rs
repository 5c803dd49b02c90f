//! What certainly was in an inbox, what may have been, and which life had it.

use duroxide_core::providers::{Incarnation, InstanceId, MessageId};

use super::{Facts, Fate, Sent};
use crate::random::workers::log::Entry;

impl<'a> Facts<'a> {
    /// Whether the message was in the inbox for as long as this call took: sent once, acknowledged, and
    /// not consumed or deleted by then.
    pub(in crate::random::workers) fn must_wait(&self, sent: &Sent<'_>, during: &Entry) -> bool {
        let calls = self.sent.get(&sent.message.id);
        let is_sent_once = calls.is_some_and(|calls| calls.len() == 1);
        is_sent_once
            && sent.fate == Fate::Applied
            && sent.entry.ended_before(during)
            && !self.may_be_consumed(sent.message.id, during)
            && !self.may_be_deleted(sent.to, sent.entry, during)
    }

    /// Whether it was there (see [`Facts::must_wait`]) and due.
    pub(in crate::random::workers) fn must_be_due(&self, sent: &Sent<'_>, during: &Entry) -> bool {
        let due_at_ms = sent.due_at_ms_max();
        due_at_ms.is_some_and(|it| it <= during.invoked.at_ms) && self.must_wait(sent, during)
    }

    /// Whether a message of this call may have been in the inbox and due at some moment of another one.
    pub(in crate::random::workers) fn may_be_due(&self, sent: &Sent<'_>, during: &Entry) -> bool {
        let until_ms = during.returned.map_or(u64::MAX, |it| it.at_ms);
        sent.fate != Fate::Refused
            && !during.ended_before(sent.entry)
            && sent.due_at_ms_min() <= until_ms
            && !self.is_consumed(sent, during)
            && !self.is_deleted(sent, during)
    }

    fn may_be_consumed(&self, id: MessageId, during: &Entry) -> bool {
        self.turns.iter().any(|call| {
            call.fate != Fate::Refused
                && call.commit.consumed.contains(&id)
                && !during.ended_before(call.entry)
        })
    }

    /// Whether a deletion may have been at work between the beginning of one call and the end of another.
    pub(in crate::random::workers) fn may_be_deleted(
        &self,
        instance: &InstanceId,
        from: &Entry,
        to: &Entry,
    ) -> bool {
        let mut deletions = self.deletions(instance);
        deletions.any(|it| it.may_follow(from) && !to.ended_before(it))
    }

    /// Whether a commit certainly took what this call sent away before the other one.
    fn is_consumed(&self, sent: &Sent<'_>, during: &Entry) -> bool {
        self.turns.iter().any(|call| {
            matches!(call.answer, Some(Ok(_)))
                && call.commit.consumed.contains(&sent.message.id)
                && call.entry.ended_before(during)
                && sent.entry.ended_before(call.entry)
        })
    }

    fn is_deleted(&self, sent: &Sent<'_>, during: &Entry) -> bool {
        let mut deletions = self.deletions(sent.to);
        deletions.any(|it| sent.entry.ended_before(it) && it.ended_before(during))
    }

    /// Whether this life of the instance certainly was the one there was, for as long as this call took.
    pub(in crate::random::workers) fn must_live(
        &self,
        instance: &InstanceId,
        life: Incarnation,
        during: &Entry,
    ) -> bool {
        self.heads().any(|(look, head)| {
            head.incarnation == life
                && head.instance == *instance
                && look.ended_before(during)
                && !self.may_be_deleted(instance, look, during)
        })
    }

    /// Whether this life of the instance had certainly ended in a deletion when a call began.
    pub(in crate::random::workers) fn is_dead(
        &self,
        instance: &InstanceId,
        life: Incarnation,
        at: &Entry,
    ) -> bool {
        let mut looks = self.heads().filter(|(_, head)| head.incarnation == life);
        looks.any(|(look, _)| {
            let mut deletions = self.deletions(instance);
            deletions.any(|it| {
                let is_applied = it.returned.is_some();
                is_applied && look.ended_before(it) && it.ended_before(at)
            })
        })
    }

    /// Every call that sends mail to this instance.
    pub(in crate::random::workers) fn mail_to(
        &self,
        instance: &InstanceId,
    ) -> impl Iterator<Item = &Sent<'a>> {
        let all = self.sent.values().flatten();
        all.filter(move |it| it.to == instance && it.message.channel.topic().is_some())
    }
}
