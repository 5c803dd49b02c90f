//! Mail: announced by claims, read in full, and only in the life that it came to.

use std::collections::BTreeMap;

use duroxide_core::providers::{Channel, MailPage, ReadMail, Topic, Turn};

use crate::random::workers::facts::{Facts, Sent};
use crate::random::workers::log::{Call, Entry};
use crate::random::workers::report::{Finding, short};

/// A claimed turn carries no mail, and of a suspended instance control messages alone; it has something
/// to do; and it says whether mail of an awaited topic was due (CLM-01, CLM-11, SUS-01, MAI-05).
pub(super) fn claims_carry_what_they_may(facts: &Facts<'_>) -> Result<(), Finding> {
    for (claim, turn) in &facts.claimed {
        let what = carried_wrongly(turn).or_else(|| announced_wrongly(facts, claim, turn));
        if let Some(what) = what {
            let text = format!("#{} {what}", claim.invoked.sequence);
            return Err(Finding::of(&turn.head.instance, text).seen_by(claim));
        }
    }
    Ok(())
}

fn carried_wrongly(turn: &Turn) -> Option<String> {
    let mut messages = turn.messages.iter();
    if let Some(mail) = messages.clone().find(|it| it.channel.topic().is_some()) {
        return Some(format!("claims {}, which is mail", short(mail.id)));
    }
    if turn.messages.is_empty() && !turn.has_mail {
        return Some("claims an instance that has nothing to do".to_owned());
    }
    if turn.head.suspended {
        let other = messages.find(|it| it.channel != Channel::Control);
        let other = other.map(|it| format!("claims {} of a suspended instance", short(it.id)));
        let mail = || "announces mail of a suspended instance".to_owned();
        return other.or_else(|| turn.has_mail.then(mail));
    }
    None
}

fn announced_wrongly(facts: &Facts<'_>, claim: &Entry, turn: &Turn) -> Option<String> {
    if turn.head.suspended {
        return None;
    }
    let is_awaited = |topic| turn.head.awaited.contains(topic);
    let mut awaited = facts
        .mail_to(&turn.head.instance)
        .filter(|it| it.message.channel.topic().is_some_and(is_awaited));
    if turn.has_mail {
        let is_there = awaited.any(|it| facts.may_be_due(it, claim));
        return (!is_there).then(|| "announces mail, and there is none".to_owned());
    }
    let unsaid = awaited.find(|it| facts.must_be_due(it, claim))?;
    Some(format!(
        "does not say that {} is there",
        short(unsaid.message.id)
    ))
}

/// A read of mail returns all that was due and not consumed of each topic, up to the number that was
/// asked for, and says whether it left some; of a life that is over it returns nothing (MAI-02, MAI-03,
/// MAI-04).
pub(super) fn mail_is_read_in_full(facts: &Facts<'_>) -> Result<(), Finding> {
    for entry in facts.entries {
        if let Call::ReadMail {
            request,
            answer: Some(Ok(page)),
        } = &entry.call
            && let Some(what) = read_wrongly(facts, entry, request, page)
        {
            let text = format!("#{} {what}", entry.invoked.sequence);
            return Err(Finding::of(&request.instance, text).seen_by(entry));
        }
    }
    Ok(())
}

fn read_wrongly(
    facts: &Facts<'_>,
    entry: &Entry,
    request: &ReadMail,
    page: &MailPage,
) -> Option<String> {
    if facts.is_dead(&request.instance, request.incarnation, entry) {
        let mail = page.mail.first()?;
        let id = short(mail.message.id);
        return Some(format!("reads {id} of a life that is over"));
    }
    let mut counts: BTreeMap<&Topic, usize> = BTreeMap::new();
    for mail in &page.mail {
        let topic = mail.message.channel.topic();
        let is_asked_for = |topic: &&Topic| request.topics.iter().any(|it| it.topic == **topic);
        let Some(topic) = topic.filter(is_asked_for) else {
            let id = short(mail.message.id);
            return Some(format!("reads {id}, which is of another topic"));
        };
        *counts.entry(topic).or_default() += 1;
    }
    let is_full = |count: &usize| *count == request.per_topic_max;
    if counts.values().any(|count| *count > request.per_topic_max) {
        return Some("reads more of a topic than was asked for".to_owned());
    }
    if page.more && !counts.values().any(is_full) {
        return Some("leaves mail behind, and had room for it".to_owned());
    }
    let left = left_behind(facts, entry, request, page)?;
    let id = short(left.message.id);
    let topic = left.message.channel.topic()?;
    if !counts.get(topic).is_some_and(is_full) {
        return Some(format!("does not read {id}"));
    }
    (!page.more).then(|| format!("does not say that it leaves {id} behind"))
}

/// Mail that was certainly there and is not in the page. A page that goes on from a mark says nothing of
/// what came before, so that it is not looked at.
fn left_behind<'f>(
    facts: &'f Facts<'_>,
    entry: &Entry,
    request: &ReadMail,
    page: &MailPage,
) -> Option<&'f Sent<'f>> {
    if !facts.must_live(&request.instance, request.incarnation, entry) {
        return None;
    }
    let from_the_first = request.topics.iter().filter(|it| it.after.is_none());
    let is_read = |sent: &Sent<'_>| page.mail.iter().any(|it| it.message == *sent.message);
    let topic = |sent: &Sent<'_>| sent.message.channel.topic().cloned();
    facts.mail_to(&request.instance).find(|sent| {
        from_the_first
            .clone()
            .any(|it| Some(&it.topic) == topic(sent).as_ref())
            && !is_read(sent)
            && facts.must_be_due(sent, entry)
    })
}
