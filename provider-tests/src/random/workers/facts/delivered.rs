//! What claims and reads of mail handed out.

use duroxide_core::providers::{Incarnation, InstanceId, Mail, Message, Turn};

use crate::random::workers::log::{Call, Entry, items};

/// The messages of one instance that one call handed out, in their order.
#[derive(Debug, Clone)]
pub(in crate::random::workers) struct Delivered<'a> {
    pub(in crate::random::workers) entry: &'a Entry,
    pub(in crate::random::workers) instance: &'a InstanceId,
    pub(in crate::random::workers) life: Incarnation,
    pub(in crate::random::workers) messages: Vec<&'a Message>,
}

impl<'a> Delivered<'a> {
    fn by_claim(entry: &'a Entry, turn: &'a Turn) -> Self {
        Self {
            entry,
            instance: &turn.head.instance,
            life: turn.head.incarnation,
            messages: turn.messages.iter().map(|it| &it.message).collect(),
        }
    }
}

pub(super) fn delivered_by(entry: &Entry) -> Vec<Delivered<'_>> {
    match &entry.call {
        Call::ClaimTurns { answer, .. } => items(answer)
            .iter()
            .map(|turn| Delivered::by_claim(entry, turn))
            .collect(),
        Call::ReadMail {
            request,
            answer: Some(Ok(page)),
        } => vec![Delivered {
            entry,
            instance: &request.instance,
            life: request.incarnation,
            messages: page
                .mail
                .iter()
                .map(|Mail { message, .. }| message)
                .collect(),
        }],
        _ => Vec::new(),
    }
}
