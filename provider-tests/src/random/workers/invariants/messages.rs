//! Messages: delivered as sent, in time, in order, once.

use std::collections::BTreeMap;

use duroxide_core::clock::millis_ceil;
use duroxide_core::providers::{InstanceId, Message, MessageId};

use crate::random::workers::EVENT;
use crate::random::workers::facts::{Facts, Fate, Sent};
use crate::random::workers::log::{Call, Entry};
use crate::random::workers::report::{Finding, short};

/// Every message that a claim delivers was sent to that instance, by then, with these bytes, and is
/// in the claim once (MSG-01, MSG-02, MSG-06).
pub(super) fn no_ghosts(facts: &Facts<'_>) -> Result<(), Finding> {
    for (claim, turn) in &facts.claimed {
        for (index, message) in turn.messages.iter().enumerate() {
            let calls = facts.sent.get(&message.id).map_or(&[][..], Vec::as_slice);
            let was_sent = calls.iter().any(|sent| {
                // A start that met an instance comes to it as a control message (STA-03).
                let as_sent = Message {
                    channel: sent.message.channel.clone(),
                    ..message.message.clone()
                };
                as_sent == *sent.message
                    && *sent.to == turn.head.instance
                    && sent.fate != Fate::Refused
                    && !claim.ended_before(sent.entry)
            });
            let is_again = turn.messages[..index].iter().any(|it| it.id == message.id);
            if !was_sent || is_again {
                let what = if is_again {
                    "twice"
                } else {
                    "and nobody sent it"
                };
                let text = format!(
                    "#{} delivers {} {what}",
                    claim.invoked.sequence,
                    short(message.id)
                );
                return Err(Finding::of(&turn.head.instance, text).seen_by(claim));
            }
        }
    }
    Ok(())
}

/// No message is delivered before its delay has passed, counted from when its call began (CLM-04,
/// DLY-01). That a timer fires once is I1's.
pub(super) fn not_before_its_time(facts: &Facts<'_>) -> Result<(), Finding> {
    for (claim, turn) in &facts.claimed {
        for message in &turn.messages {
            let calls = facts.sent.get(&message.id).into_iter().flatten();
            let due_ms = calls
                .map(|sent| sent.entry.invoked.at_ms + millis_ceil(sent.delay))
                .min();
            let claimed_ms = claim.returned.map(|it| it.at_ms);
            if claimed_ms < due_ms {
                let text = format!(
                    "#{} delivers {}, which is due at {} ms",
                    claim.invoked.sequence,
                    short(message.id),
                    due_ms.unwrap_or_default()
                );
                return Err(Finding::of(&turn.head.instance, text).seen_by(claim));
            }
        }
    }
    Ok(())
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
        for id in &call.commit.consumed {
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

/// The numbered events of one sender are delivered to an instance in the order in which they were
/// sent: none with an earlier acknowledged one left behind (MSG-04).
pub(super) fn senders_stay_in_order(facts: &Facts<'_>) -> Result<(), Finding> {
    let events: Vec<_> = facts.entries.iter().filter_map(event_of).collect();
    for (claim, turn) in &facts.claimed {
        let delivered: Vec<_> = turn.messages.iter().map(|message| message.id).collect();
        for later in events
            .iter()
            .filter(|it| delivered.contains(&it.message.id))
        {
            let is_overtaken = |earlier: &&Event<'_>| {
                earlier.to == later.to
                    && earlier.entry.worker == later.entry.worker
                    && earlier.entry.ended_before(later.entry)
                    && is_waiting(facts, earlier, claim)
                    && place(&delivered, earlier.message) > place(&delivered, later.message)
            };
            if let Some(earlier) = events.iter().find(is_overtaken) {
                let text = format!(
                    "#{} delivers {} before {}, which its sender sent first",
                    claim.invoked.sequence,
                    short(later.message.id),
                    short(earlier.message.id)
                );
                return Err(Finding::of(&turn.head.instance, text).seen_by(claim));
            }
        }
    }
    Ok(())
}

/// A numbered event that was acknowledged.
struct Event<'a> {
    entry: &'a Entry,
    to: &'a InstanceId,
    message: &'a Message,
}

fn event_of(entry: &Entry) -> Option<Event<'_>> {
    match &entry.call {
        Call::Send {
            envelope,
            answer: Some(Ok(())),
        } if envelope.message.body.starts_with(EVENT.as_bytes()) => Some(Event {
            entry,
            to: envelope.recipient.instance(),
            message: &envelope.message,
        }),
        _ => None,
    }
}

fn place(delivered: &[MessageId], message: &Message) -> usize {
    let found = delivered.iter().position(|id| *id == message.id);
    found.unwrap_or(usize::MAX)
}

/// Whether the event was in the inbox for as long as this claim took: sent once, and not consumed
/// or deleted by then.
fn is_waiting(facts: &Facts<'_>, event: &Event<'_>, claim: &Entry) -> bool {
    let is_sent_once = facts
        .sent
        .get(&event.message.id)
        .is_some_and(|it| it.len() == 1);
    let is_consumed = facts.turns.iter().any(|call| {
        call.fate != Fate::Refused
            && call.commit.consumed.contains(&event.message.id)
            && !claim.ended_before(call.entry)
    });
    let mut deletions = facts.deletions(event.to);
    let is_deleted = deletions.any(|it| it.may_follow(event.entry) && !claim.ended_before(it));
    is_sent_once && event.entry.ended_before(claim) && !is_consumed && !is_deleted
}
