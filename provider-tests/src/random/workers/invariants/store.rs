//! Deletion and activities.

use std::collections::{BTreeMap, BTreeSet};

use duroxide_core::providers::{ActivityKey, InstanceId, MessageId};

use crate::random::workers::facts::{Facts, Fate, TurnCall, cancels};
use crate::random::workers::log::{Call, Entry};
use crate::random::workers::report::{Finding, short};

/// After a deletion was answered nothing shows the life that it ended, nor delivers a message that
/// was acknowledged before (DEL-01, MSG-05).
pub(super) fn no_resurrection(facts: &Facts<'_>) -> Result<(), Finding> {
    for deletion in facts.entries {
        let Call::Delete {
            instance,
            answer: Some(Ok(())),
        } = &deletion.call
        else {
            continue;
        };
        let looks = facts.heads().filter(|(_, head)| head.instance == *instance);
        let old: Vec<_> = looks
            .clone()
            .filter(|(look, _)| look.ended_before(deletion))
            .map(|(_, head)| head.incarnation)
            .collect();
        for (look, head) in looks.filter(|(look, _)| deletion.ended_before(look)) {
            if old.contains(&head.incarnation) {
                let text = format!("#{} shows a deleted life", look.invoked.sequence);
                return Err(Finding::of(instance, text).seen_by(look));
            }
        }
        if let Some((claim, message)) = old_message(facts, deletion, instance) {
            let (id, sequence) = (short(message), claim.invoked.sequence);
            let text = format!("#{sequence} delivers {id}, which was deleted");
            return Err(Finding::of(instance, text).seen_by(claim));
        }
    }
    Ok(())
}

fn old_message<'a>(
    facts: &Facts<'a>,
    deletion: &Entry,
    instance: &InstanceId,
) -> Option<(&'a Entry, MessageId)> {
    let mut later = facts.delivered.iter().filter(|delivered| {
        delivered.instance == instance && deletion.ended_before(delivered.entry)
    });
    later.find_map(|delivered| {
        let mut ids = delivered.messages.iter().map(|message| message.id);
        let old = ids.find(|id| {
            let calls = facts.sent.get(id).map_or(&[][..], Vec::as_slice);
            !calls.is_empty() && calls.iter().all(|it| it.entry.ended_before(deletion))
        });
        old.map(|id| (delivered.entry, id))
    })
}

/// An activity has one accepted outcome at most, none after it was cancelled, and one if it was
/// scheduled and not cancelled; no other result of it is delivered (ACT-01, ACT-03, IDM-04, CAN-01).
pub(super) fn one_result(facts: &Facts<'_>) -> Result<(), Finding> {
    let outcomes = outcomes(facts);
    for (key, outcomes) in &outcomes {
        let accepted: Vec<_> = outcomes
            .iter()
            .filter(|it| it.fate == Fate::Applied)
            .collect();
        if accepted.len() > 1 {
            let text = format!("activity {key} has {} outcomes", accepted.len());
            return Err(Finding::of(&key.instance, text));
        }
        let messages: BTreeSet<_> = outcomes.iter().map(|it| it.message).collect();
        let delivered = messages.into_iter().filter(|it| is_delivered(facts, *it));
        if delivered.count() > 1 {
            let text = format!("two results of activity {key} were delivered");
            return Err(Finding::of(&key.instance, text));
        }
        let is_cancelled = |outcome: &Entry| {
            let mut cancellations = cancellations(facts, key);
            cancellations.any(|it| it.fate == Fate::Applied && it.entry.ended_before(outcome))
        };
        if accepted.iter().any(|it| is_cancelled(it.entry)) {
            let text = format!("the cancelled activity {key} has an outcome");
            return Err(Finding::of(&key.instance, text));
        }
    }
    all_are_executed(facts, &outcomes)
}

/// One report of an activity's end.
struct Report<'a> {
    entry: &'a Entry,
    message: MessageId,
    fate: Fate,
}

fn outcomes<'a>(facts: &Facts<'a>) -> BTreeMap<&'a ActivityKey, Vec<Report<'a>>> {
    let mut outcomes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in facts.entries {
        if let Call::Outcome { outcome, answer } = &entry.call
            && let Some(message) = &outcome.message
        {
            let fate = match answer {
                Some(Ok(_)) => Fate::Applied,
                Some(Err(_)) => Fate::Refused,
                None => Fate::Unknown,
            };
            let reports = outcomes.entry(&outcome.lease.key).or_default();
            let message = message.id;
            reports.push(Report {
                entry,
                message,
                fate,
            });
        }
    }
    outcomes
}

fn is_delivered(facts: &Facts<'_>, message: MessageId) -> bool {
    let mut delivered = facts.claimed.iter().flat_map(|(_, turn)| &turn.messages);
    delivered.any(|it| it.id == message)
}

/// The commits that cancel an activity that an earlier one scheduled, unless they were refused.
fn cancellations<'a>(facts: &Facts<'a>, key: &ActivityKey) -> impl Iterator<Item = TurnCall<'a>> {
    let cancelling = facts.turns.iter().filter(|call| {
        call.life == key.incarnation && call.fate != Fate::Refused && cancels(call.commit, key)
    });
    let scheduled = facts.turns.iter().find(|call| schedules(call, key));
    let scheduled = scheduled.map(|call| call.entry.invoked);
    cancelling
        .filter(move |call| Some(call.entry.invoked) > scheduled)
        .copied()
}

fn schedules(call: &TurnCall<'_>, key: &ActivityKey) -> bool {
    let mut activities = call.commit.activities.iter();
    call.life == key.incarnation
        && call.fate != Fate::Refused
        && activities.any(|it| it.execution == key.execution && it.activity_id == key.activity_id)
}

fn all_are_executed(
    facts: &Facts<'_>,
    outcomes: &BTreeMap<&ActivityKey, Vec<Report<'_>>>,
) -> Result<(), Finding> {
    for call in facts.turns.iter().filter(|call| call.fate == Fate::Applied) {
        let instance = &call.commit.instance;
        if facts.last_life(instance, call.life).is_none() {
            continue;
        }
        for activity in &call.commit.activities {
            let key = activity.key(instance, call.life);
            let reports = outcomes.get(&key).into_iter().flatten();
            let has_ended = reports.into_iter().any(|it| it.fate != Fate::Refused);
            if !has_ended && cancellations(facts, &key).next().is_none() {
                return Err(Finding::of(instance, format!("activity {key} never ran")));
            }
        }
    }
    Ok(())
}
