//! What is left in the end.

use duroxide_core::providers::{Channel, MessageId, QueueDepths, SystemMetrics, Turn};

use super::leases::may_follow_a_dropped_claim;
use crate::random::workers::facts::Facts;
use crate::random::workers::log::{Call, Entry};
use crate::random::workers::report::{Finding, short};

/// When nobody holds a lease and every delay has passed, the first claim returns every instance
/// that has something to do, and the work comes to an end (WAK-01, COM-04, LEA-03, MAI-05).
pub(super) fn nothing_is_stuck(facts: &Facts<'_>) -> Result<(), Finding> {
    let everything = || Finding::of_store("the work did not come to an end".to_owned());
    if !facts.contents.is_drained {
        return Err(everything());
    }
    let quiet = facts
        .entries
        .iter()
        .find(|it| matches!(it.call, Call::Quiet));
    let quiet = quiet.ok_or_else(everything)?;
    let claims = facts
        .entries
        .iter()
        .filter(|entry| matches!(entry.call, Call::ClaimTurns { .. }) && quiet.ended_before(entry));
    let first = claims.clone().next().map(|it| it.invoked);
    let of_first = |claim: &Entry| Some(claim.invoked) == first;
    let drained = facts
        .claimed
        .iter()
        .filter(|(claim, _)| quiet.ended_before(claim));
    for (claim, turn) in drained.clone().filter(|(claim, _)| !of_first(claim)) {
        let mut at_first = drained.clone().filter(|(claim, _)| of_first(claim));
        let was_claimed = at_first.any(|(_, it)| it.head.instance == turn.head.instance)
            || may_follow_a_dropped_claim(facts, claim, turn);
        if was_claimed {
            continue;
        }
        let is_suspended = was_suspended(facts, quiet, turn);
        let waited = turn.messages.iter().find(|message| {
            let calls = facts.sent.get(&message.id).into_iter().flatten();
            let was_there = calls.into_iter().any(|sent| sent.entry.ended_before(quiet));
            was_there && (!is_suspended || message.channel == Channel::Control)
        });
        let waited = waited.map(|message| message.id);
        let waited = waited.or_else(|| awaited_mail(facts, quiet, turn));
        if let Some(id) = waited {
            let text = format!("{} was there and not claimable", short(id));
            return Err(Finding::of(&turn.head.instance, text));
        }
    }
    let depths = facts.contents.depths.unwrap_or_default();
    if depths == QueueDepths::default() {
        Ok(())
    } else {
        Err(Finding::of_store(format!(
            "nothing is claimable, and this is queued: {depths:?}"
        )))
    }
}

/// When everything is processed and every instance deleted, nothing is counted any more (DEL-01,
/// ADM-03).
pub(super) fn nothing_is_left(facts: &Facts<'_>) -> Result<(), Finding> {
    let nothing = (SystemMetrics::default(), QueueDepths::default());
    match facts.contents.leftovers {
        Some(left) if left != nothing => Err(Finding::of_store(format!(
            "all instances were deleted, and this is left: {left:?}"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Whether the instance was suspended when all had ended, and has been since.
fn was_suspended(facts: &Facts<'_>, quiet: &Entry, turn: &Turn) -> bool {
    let mut looks = facts.heads().filter(|(look, _)| quiet.ended_before(look));
    let first = looks.find(|(_, head)| head.incarnation == turn.head.incarnation);
    first.is_some_and(|(_, head)| head.suspended)
}

/// Mail that was read when all had ended, of an instance that awaited it, and has been as it was then.
fn awaited_mail(facts: &Facts<'_>, quiet: &Entry, turn: &Turn) -> Option<MessageId> {
    let mut looks = facts.heads().filter(|(look, _)| quiet.ended_before(look));
    let (_, head) = looks.find(|(_, head)| head.incarnation == turn.head.incarnation)?;
    if head.suspended || head.commit_id != turn.head.commit_id {
        return None;
    }
    let mut pages = facts.delivered.iter().filter(|delivered| {
        delivered.life == head.incarnation
            && matches!(delivered.entry.call, Call::ReadMail { .. })
            && quiet.ended_before(delivered.entry)
    });
    let mut mail = pages.next()?.messages.iter();
    let is_awaited = |topic| head.awaited.contains(topic);
    let awaited = mail.find(|it| it.channel.topic().is_some_and(is_awaited))?;
    Some(awaited.id)
}
