//! Messages: delivered as sent, in time, once.

use std::collections::{BTreeMap, BTreeSet};

use duroxide_core::providers::{Message, MessageId};

use crate::random::workers::facts::{Delivered, Facts, Fate, Sent};
use crate::random::workers::report::{Finding, short};

/// Every message that a claim or a read of mail delivers was sent to that life of the instance, by
/// then, with these bytes, and is there once (MSG-01, MSG-02, MSG-05, MSG-06, MAI-02).
pub(super) fn no_ghosts(facts: &Facts<'_>) -> Result<(), Finding> {
    for delivered in &facts.delivered {
        for (index, message) in delivered.messages.iter().enumerate() {
            let calls = facts.sent.get(&message.id).map_or(&[][..], Vec::as_slice);
            let was_sent = calls.iter().any(|sent| {
                sent.is_delivered_as(message)
                    && sent.to == delivered.instance
                    && sent.life.is_none_or(|life| life == delivered.life)
                    && sent.fate != Fate::Refused
                    && !delivered.entry.ended_before(sent.entry)
            });
            let mut before = delivered.messages[..index].iter();
            let is_again = before.any(|it| it.id == message.id);
            if !was_sent || is_again {
                let what = if is_again {
                    "twice"
                } else {
                    "and nobody sent it"
                };
                return Err(finding(delivered, message, what));
            }
        }
    }
    Ok(())
}

/// No message is delivered before its delay has passed, counted from when its call began (CLM-04,
/// DLY-01, MAI-02). That a timer fires once is I1's.
pub(super) fn not_before_its_time(facts: &Facts<'_>) -> Result<(), Finding> {
    for delivered in &facts.delivered {
        for message in &delivered.messages {
            let calls = facts.sent.get(&message.id).into_iter().flatten();
            let due_ms = calls.map(Sent::due_at_ms_min).min();
            let at_ms = delivered.entry.returned.map(|it| it.at_ms);
            if at_ms < due_ms {
                let due_ms = due_ms.unwrap_or_default();
                let what = format!(", which is due at {due_ms} ms");
                return Err(finding(delivered, message, &what));
            }
        }
    }
    Ok(())
}

fn finding(delivered: &Delivered<'_>, message: &Message, what: &str) -> Finding {
    let sequence = delivered.entry.invoked.sequence;
    let text = format!("#{sequence} delivers {} {what}", short(message.id));
    Finding::of(delivered.instance, text).seen_by(delivered.entry)
}

/// An acknowledged message is consumed by one commit, unless it was sent again, purged, or deleted
/// with its instance (MSG-02, MSG-03, COM-02, COM-03). After the drain nothing waits.
pub(super) fn exactly_once(facts: &Facts<'_>) -> Result<(), Finding> {
    let consumptions = consumptions(facts);
    for (id, calls) in &facts.sent {
        let of = |fate| {
            let all = consumptions.get(id).into_iter().flatten();
            all.filter(|it| **it == fate).count()
        };
        let may_have_sent = calls.iter().filter(|it| it.fate != Fate::Refused).count();
        let to = calls[0].to;
        if of(Fate::Applied) > may_have_sent {
            return Err(Finding::of(
                to,
                format!("{} was consumed twice", short(*id)),
            ));
        }
        let acknowledged = calls.iter().find(|it| it.fate == Fate::Applied);
        if let Some(sent) = acknowledged
            && of(Fate::Applied) + of(Fate::Unknown) == 0
            && !may_be_removed(facts, sent)
        {
            let text = format!("{} was acknowledged and is lost", short(*id));
            return Err(Finding::of(to, text));
        }
    }
    Ok(())
}

/// By message: what became of the commits that consume it, each one once.
fn consumptions(facts: &Facts<'_>) -> BTreeMap<MessageId, Vec<Fate>> {
    let commits: BTreeMap<_, _> = facts
        .turns
        .iter()
        .map(|call| (call.commit.commit_id, call))
        .collect();
    let mut consumptions: BTreeMap<MessageId, Vec<Fate>> = BTreeMap::new();
    for call in commits.values() {
        let ids: BTreeSet<_> = call.commit.consumed.iter().collect();
        for id in ids {
            consumptions.entry(*id).or_default().push(call.fate);
        }
    }
    consumptions
}

/// Whether a deletion or a purge may have removed the message.
fn may_be_removed(facts: &Facts<'_>, sent: &Sent<'_>) -> bool {
    let mut deletions = facts.deletions(sent.to);
    let is_deleted = deletions.any(|deletion| deletion.may_follow(sent.entry));
    let is_purged = facts.turns.iter().any(|call| {
        call.commit.instance == *sent.to
            && call.fate != Fate::Refused
            && call.entry.may_follow(sent.entry)
            && sent.message.execution.is_some_and(|execution| {
                let through = call.commit.purge_through;
                through.is_some_and(|through| through >= execution)
            })
    });
    is_deleted || is_purged
}
