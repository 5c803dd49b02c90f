//! Which messages are taken, and which are refused.

use duroxide_core::providers::ErrorKind;

use crate::random::workers::facts::{Facts, Fate, Sent};
use crate::random::workers::log::Call;
use crate::random::workers::report::{Finding, short};

/// A client's message is refused as `NotFound` only where nobody is, as `Ended` only if it is mail and
/// the instance may have ended, and never for want of room, which no run fills; and what nobody will
/// read is not taken (STA-04, STA-06, LIM-03).
pub(super) fn refusals_have_reasons(facts: &Facts<'_>) -> Result<(), Finding> {
    for sent in facts.sent.values().flatten() {
        if let Call::Send { answer, .. } = &sent.entry.call
            && let Some(what) = match answer {
                Some(Ok(())) => taken_wrongly(facts, sent),
                Some(Err(kind)) => refused_wrongly(facts, sent, *kind),
                None => None,
            }
        {
            let id = short(sent.message.id);
            let text = format!("#{} {what}: {id}", sent.entry.invoked.sequence);
            return Err(Finding::of(sent.to, text).seen_by(sent.entry));
        }
    }
    Ok(())
}

fn taken_wrongly(facts: &Facts<'_>, sent: &Sent<'_>) -> Option<&'static str> {
    if let Some(life) = sent.life
        && facts.is_dead(sent.to, life, sent.entry)
    {
        return Some("was taken for a life that is over");
    }
    let is_repeat = facts
        .sent
        .get(&sent.message.id)
        .is_some_and(|calls| calls.len() > 1);
    let is_mail = sent.message.channel.topic().is_some();
    let had_ended = || {
        facts.turns.iter().any(|call| {
            call.fate == Fate::Applied
                && call.is_end()
                && call.commit.instance == *sent.to
                && call.entry.ended_before(sent.entry)
                && !facts.may_be_deleted(sent.to, call.entry, sent.entry)
                && !facts.may_be_opened(call, sent.entry)
        })
    };
    (is_mail && !is_repeat && had_ended()).then_some("was taken by an instance that had ended")
}

fn refused_wrongly(facts: &Facts<'_>, sent: &Sent<'_>, kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NotFound => {
            let mut looks = facts.heads().filter(|(_, head)| head.instance == *sent.to);
            let is_there = looks.any(|(look, head)| {
                sent.life.is_none_or(|life| life == head.incarnation)
                    && look.ended_before(sent.entry)
                    && !facts.may_be_deleted(sent.to, look, sent.entry)
            });
            is_there.then_some("was refused, and its instance is there")
        }
        ErrorKind::Ended => {
            let is_mail = sent.message.channel.topic().is_some();
            let may_have_ended = facts.turns.iter().any(|call| {
                call.fate != Fate::Refused
                    && call.is_end()
                    && call.commit.instance == *sent.to
                    && !sent.entry.ended_before(call.entry)
            });
            (!is_mail || !may_have_ended).then_some("was refused, and its instance has not ended")
        }
        ErrorKind::LimitExceeded => Some("was refused, and there is room"),
        ErrorKind::AlreadyExists => (!sent.is_start).then_some("was refused, and starts nothing"),
        _ => None,
    }
}
