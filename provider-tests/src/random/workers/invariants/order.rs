//! The order of messages.

use duroxide_core::providers::{Channel, Mail, Message, Turn};

use crate::random::workers::EVENT;
use crate::random::workers::facts::{Delivered, Facts, Sent};
use crate::random::workers::log::{Call, Entry};
use crate::random::workers::report::{Finding, short};

/// The numbered events of one sender are delivered to an instance in the order in which they were
/// sent: none with an earlier acknowledged one of its channel left behind. Control comes first, and
/// each channel by due time (MSG-04, CLM-02, MAI-02).
pub(super) fn senders_stay_in_order(facts: &Facts<'_>) -> Result<(), Finding> {
    for (claim, turn) in &facts.claimed {
        if !turn
            .messages
            .is_sorted_by_key(|it| (it.channel != Channel::Control, it.due_at_ms))
        {
            return Err(out_of_order(turn, claim));
        }
    }
    for delivered in &facts.delivered {
        marks_ascend(delivered)?;
        nobody_is_overtaken(facts, delivered)?;
    }
    Ok(())
}

fn out_of_order(turn: &Turn, claim: &Entry) -> Finding {
    let text = format!("#{} is not in order", claim.invoked.sequence);
    Finding::of(&turn.head.instance, text).seen_by(claim)
}

/// A page of mail goes up mark by mark within each topic, from the mark it was asked to go on from.
fn marks_ascend(delivered: &Delivered<'_>) -> Result<(), Finding> {
    let Call::ReadMail {
        request,
        answer: Some(Ok(page)),
    } = &delivered.entry.call
    else {
        return Ok(());
    };
    for cursor in &request.topics {
        let is_of_topic = |it: &&Mail| it.message.channel.topic() == Some(&cursor.topic);
        let mail = page.mail.iter().filter(is_of_topic);
        let marks = cursor.after.into_iter().chain(mail.map(|it| it.mark));
        if !marks.is_sorted_by(|a, b| a < b) {
            let sequence = delivered.entry.invoked.sequence;
            let text = format!("#{sequence} is not in the order of its marks");
            return Err(Finding::of(delivered.instance, text).seen_by(delivered.entry));
        }
    }
    Ok(())
}

fn nobody_is_overtaken(facts: &Facts<'_>, delivered: &Delivered<'_>) -> Result<(), Finding> {
    for (index, later) in delivered.messages.iter().enumerate() {
        let Some(later) = event_of(facts, later) else {
            continue;
        };
        let earlier = facts.sent.values().flatten().find(|earlier| {
            is_before(earlier, later)
                && facts.must_wait(earlier, delivered.entry)
                && !is_behind_the_mark(facts, delivered, earlier)
                && !delivered.messages[..index].contains(&earlier.message)
        });
        if let Some(earlier) = earlier {
            let text = format!(
                "#{} delivers {} before {}, which its sender sent first",
                delivered.entry.invoked.sequence,
                short(later.message.id),
                short(earlier.message.id)
            );
            return Err(Finding::of(delivered.instance, text).seen_by(delivered.entry));
        }
    }
    Ok(())
}

/// The call that sent this message, if it is a numbered event that was acknowledged.
fn event_of<'f>(facts: &'f Facts<'_>, message: &Message) -> Option<&'f Sent<'f>> {
    let mut calls = facts.sent.get(&message.id)?.iter();
    calls.find(|it| is_event(it))
}

fn is_event(sent: &Sent<'_>) -> bool {
    sent.message.body.starts_with(EVENT.as_bytes()) && sent.entry.returned.is_some()
}

/// Whether one sender sent both of these into one channel, this one first.
fn is_before(earlier: &Sent<'_>, later: &Sent<'_>) -> bool {
    is_event(earlier)
        && earlier.to == later.to
        && earlier.message.channel == later.message.channel
        && earlier.entry.worker == later.entry.worker
        && earlier.entry.ended_before(later.entry)
}

/// Whether a read went on from a mark that the message had come before.
fn is_behind_the_mark(facts: &Facts<'_>, delivered: &Delivered<'_>, sent: &Sent<'_>) -> bool {
    let Call::ReadMail { request, .. } = &delivered.entry.call else {
        return false;
    };
    let mut cursors = request.topics.iter();
    let after = cursors.find(|it| sent.message.channel.topic() == Some(&it.topic));
    let Some(after) = after.and_then(|it| it.after) else {
        return false;
    };
    let pages = facts.entries.iter().filter_map(|entry| match &entry.call {
        Call::ReadMail {
            answer: Some(Ok(page)),
            ..
        } => Some(page),
        _ => None,
    });
    let mut mail = pages.flat_map(|page| &page.mail);
    mail.any(|it| it.message.id == sent.message.id && it.mark <= after)
}
