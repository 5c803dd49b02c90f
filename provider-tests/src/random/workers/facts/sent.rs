//! Which messages were sent, and what became of the calls.

use std::time::Duration;

use duroxide_core::clock::millis_ceil;
use duroxide_core::providers::{
    Channel, Envelope, Incarnation, InstanceId, Message, Recipient, TurnCommit,
};

use super::turn_call::{Fate, TurnCall};
use crate::random::workers::log::{Answer, Call, Entry, Moment};

/// One call that sends a message.
#[derive(Debug, Clone, Copy)]
pub(in crate::random::workers) struct Sent<'a> {
    pub(in crate::random::workers) entry: &'a Entry,
    pub(in crate::random::workers) message: &'a Message,
    pub(in crate::random::workers) to: &'a InstanceId,
    /// Which life of the instance it is for, if it names one.
    pub(in crate::random::workers) life: Option<Incarnation>,
    pub(in crate::random::workers) is_start: bool,
    pub(in crate::random::workers) delay: Duration,
    pub(in crate::random::workers) fate: Fate,
}

impl<'a> Sent<'a> {
    fn by(entry: &'a Entry, envelope: &'a Envelope, fate: Fate) -> Self {
        let (life, is_start) = match envelope.recipient {
            Recipient::NewInstance(_) => (None, true),
            Recipient::Instance { incarnation, .. } => (incarnation, false),
        };
        Self {
            entry,
            message: &envelope.message,
            to: envelope.recipient.instance(),
            life,
            is_start,
            delay: envelope.delay,
            fate,
        }
    }

    /// Whether this is the message, as it may be delivered: a start that met an instance comes to it as
    /// a control message (MSG-01, STA-03).
    pub(in crate::random::workers) fn is_delivered_as(&self, message: &Message) -> bool {
        let is_answered = self.is_start && message.channel == Channel::Control;
        let mut as_sent = message.clone();
        if is_answered {
            as_sent.channel.clone_from(&self.message.channel);
        }
        as_sent == *self.message
    }

    /// The first time at which it may be due, in milliseconds.
    pub(in crate::random::workers) fn due_at_ms_min(&self) -> u64 {
        self.entry.invoked.at_ms + millis_ceil(self.delay)
    }

    /// The last time at which it falls due, if it was answered.
    pub(in crate::random::workers) fn due_at_ms_max(&self) -> Option<u64> {
        /// The store's time of the commit and that of the log are rounded, each in its way.
        const ROUNDING_MS: u64 = 2;
        let Moment { at_ms, .. } = self.entry.returned?;
        Some(match millis_ceil(self.delay) {
            0 => at_ms,
            delay_ms => at_ms + delay_ms + ROUNDING_MS,
        })
    }
}

fn fate_of_answer<T>(answer: &Answer<T>) -> Fate {
    match answer {
        Some(Ok(_)) => Fate::Applied,
        Some(Err(_)) => Fate::Refused,
        None => Fate::Unknown,
    }
}

pub(super) fn sent_by_call(entry: &Entry) -> Option<Sent<'_>> {
    match &entry.call {
        Call::Send { envelope, answer } => Some(Sent::by(entry, envelope, fate_of_answer(answer))),
        Call::Outcome { outcome, answer } => Some(Sent {
            entry,
            message: outcome.message.as_ref()?,
            to: &outcome.lease.key.instance,
            life: Some(outcome.lease.key.incarnation),
            is_start: false,
            delay: Duration::ZERO,
            fate: match answer {
                Some(Ok(1..)) => Fate::Refused,
                _ => fate_of_answer(answer),
            },
        }),
        _ => None,
    }
}

pub(super) fn sent_by_turn<'a>(call: &TurnCall<'a>) -> impl Iterator<Item = Sent<'a>> + use<'a> {
    let call = *call;
    let strays_max = call
        .commit
        .messages
        .iter()
        .filter(|it| may_stray(call.commit, it))
        .count();
    call.commit.messages.iter().map(move |envelope| {
        let fate = match call.answer {
            Some(Ok(it)) if !it.repeated => match it.messages_dropped {
                dropped if dropped == 0 || !may_stray(call.commit, envelope) => Fate::Applied,
                dropped if dropped == strays_max => Fate::Refused,
                _ => Fate::Unknown,
            },
            // Whether another instance was there is only in the answer.
            _ if !may_stray(call.commit, envelope) && is_own(call.commit, envelope) => call.fate,
            _ if call.fate == Fate::Refused => Fate::Refused,
            _ => Fate::Unknown,
        };
        Sent::by(call.entry, envelope, fate)
    })
}

/// Whether a message may be dropped: a start makes its instance, and the turn's own is there, and takes
/// all but mail that comes with its end or after it.
fn may_stray(commit: &TurnCommit, envelope: &Envelope) -> bool {
    let is_mail = envelope.message.channel.topic().is_some();
    matches!(envelope.recipient, Recipient::Instance { .. })
        && (is_mail || !is_own(commit, envelope))
}

fn is_own(commit: &TurnCommit, envelope: &Envelope) -> bool {
    *envelope.recipient.instance() == commit.instance
}
