//! Leases, fences and attempts.

use duroxide_core::providers::{
    Fence, Incarnation, LeaseToken, ReleasedAttempts, Renewal, Turn, TurnCommit,
};

use crate::random::workers::facts::{Facts, Fate, Grant, Item, cancels};
use crate::random::workers::log::{Call, Entry, is_refused};
use crate::random::workers::report::Finding;

/// Two leases of one item are never held at one time: at the later grant the earlier lease had
/// ended, or might have (LEA-01, CLM-01, LEA-03).
pub(super) fn one_holder(facts: &Facts<'_>) -> Result<(), Finding> {
    for (index, a) in facts.grants.iter().enumerate() {
        for b in &facts.grants[index + 1..] {
            if a.item != b.item || a.token == b.token {
                continue;
            }
            let (Some(first), Some(second)) = (a.returned, b.returned) else {
                continue;
            };
            let moment = first.max(second);
            let both_hold = [a, b].into_iter().all(|grant| {
                let expires_ms = grant.invoked.at_ms + grant.lease_ms;
                moment.at_ms < expires_ms && moment.sequence < may_end_at(facts, grant)
            });
            if both_hold {
                let text = format!("{:?} had two holders at #{}", a.item, moment.sequence);
                let finding = Finding::of(a.item.instance(), text);
                return Err(Finding {
                    seen_at: Some(moment.sequence),
                    ..finding
                });
            }
        }
    }
    Ok(())
}

/// The earliest moment at which something may have ended this lease before its time.
pub(super) fn may_end_at(facts: &Facts<'_>, grant: &Grant) -> u64 {
    let ends = facts.entries.iter().filter(|entry| may_end(entry, grant));
    ends.map(|entry| entry.invoked.sequence)
        .min()
        .unwrap_or(u64::MAX)
}

/// Whether this call ends the lease, if it is applied.
fn may_end(entry: &Entry, grant: &Grant) -> bool {
    match &entry.call {
        Call::Turn { commit, answer } if !is_refused(answer) => match &grant.item {
            Item::Instance(_) => holder_of(commit) == Some(grant.token),
            Item::Activity(key) => cancels(commit, key),
        },
        Call::Outcome { outcome, answer } => {
            outcome.lease.token == grant.token && !is_refused(answer)
        }
        Call::Release { release, answer } => {
            release.lease.token() == grant.token && !is_refused(answer)
        }
        Call::Delete { instance, answer } => {
            instance == grant.item.instance() && !is_refused(answer)
        }
        Call::Reopened => true,
        _ => false,
    }
}

/// A refused commit has left no trace, and nothing is accepted from a holder whose lease had
/// certainly expired or was ended by an answered call before (FEN-01, FEN-05, ACT-04, LEA-05).
pub(super) fn refusals_change_nothing(facts: &Facts<'_>) -> Result<(), Finding> {
    for call in &facts.turns {
        if call.fate == Fate::Refused && facts.is_written(call.commit) {
            let text = format!(
                "{} was refused and is in the history or the head",
                call.commit.commit_id
            );
            return Err(Finding::of(&call.commit.instance, text));
        }
    }
    for entry in facts.entries {
        if let Some((item, token)) = accepted_from(entry)
            && let Some(reason) = lost_before(facts, entry, &item, token)
        {
            let text = format!(
                "#{} was accepted, and its lease {reason}",
                entry.invoked.sequence
            );
            return Err(Finding::of(item.instance(), text).seen_by(entry));
        }
    }
    Ok(())
}

/// The lease that the store accepted with this call.
fn accepted_from(entry: &Entry) -> Option<(Item, LeaseToken)> {
    match &entry.call {
        Call::Turn {
            commit,
            answer: Some(Ok(committed)),
        } if !committed.repeated => {
            let item = Item::Instance(commit.instance.clone());
            holder_of(commit).map(|token| (item, token))
        }
        Call::Outcome {
            outcome,
            answer: Some(Ok(_)),
        } => Some((
            Item::Activity(outcome.lease.key.clone()),
            outcome.lease.token,
        )),
        Call::Renew {
            renew,
            answer: Some(Ok(Renewal::Renewed)),
            ..
        } => Some((Item::of(&renew.lease), renew.lease.token())),
        Call::Release {
            release,
            answer: Some(Ok(())),
        } => Some((Item::of(&release.lease), release.lease.token())),
        _ => None,
    }
}

/// Why a lease was certainly lost when a call began.
fn lost_before(
    facts: &Facts<'_>,
    call: &Entry,
    item: &Item,
    token: LeaseToken,
) -> Option<&'static str> {
    let mut grants = facts
        .grants
        .iter()
        .filter(|it| it.token == token && it.invoked < call.invoked);
    let first = grants.clone().next()?;
    let expired = grants.all(|grant| {
        let until = grant.returned.map(|it| it.at_ms + grant.lease_ms);
        until.is_some_and(|until_ms| until_ms <= call.invoked.at_ms)
    });
    if expired {
        return Some("had expired");
    }
    let was_ended = facts.entries.iter().any(|entry| {
        let is_granted = first
            .returned
            .is_some_and(|granted| granted < entry.invoked);
        let is_answered = entry.ended_before(call);
        is_granted && is_answered && ends(entry, item, token)
    });
    was_ended.then_some("had ended")
}

/// Whether this answered call of the holder ended the lease. What deletions end is I12's, and what
/// cancellations end is I9's.
fn ends(entry: &Entry, item: &Item, token: LeaseToken) -> bool {
    match &entry.call {
        Call::Turn {
            commit,
            answer: Some(Ok(committed)),
        } => {
            // A repeat has changed nothing (IDM-01).
            holder_of(commit) == Some(token) && !committed.repeated
        }
        Call::Outcome {
            outcome,
            answer: Some(Ok(_)),
        } => outcome.lease.token == token,
        Call::Release {
            release,
            answer: Some(Ok(())),
        } => release.lease.token() == token && Item::of(&release.lease) == *item,
        _ => false,
    }
}

/// The token that a commit rests on.
fn holder_of(commit: &TurnCommit) -> Option<LeaseToken> {
    match commit.fence {
        Fence::At { lease, .. } => Some(lease),
        Fence::Absent { .. } | Fence::Unleased { .. } => None,
    }
}

/// The attempt of a claimed turn is one more than the claims since the last commit, or the last
/// release that reset the count, as far as calls without an answer let that be known (ATT-01,
/// ATT-02, ATT-03).
pub(super) fn attempts_are_counted(facts: &Facts<'_>) -> Result<(), Finding> {
    for (claim, turn) in &facts.claimed {
        let (least, most) = attempts_possible(facts, claim, turn);
        if !(least..=most).contains(&u64::from(turn.attempt)) {
            let text = format!(
                "#{} says attempt {}, and {least} to {most} are possible",
                claim.invoked.sequence, turn.attempt
            );
            return Err(Finding::of(&turn.head.instance, text).seen_by(claim));
        }
    }
    Ok(())
}

/// Whether the attempt of a claimed turn counts a claim that nobody was answered. Such a claim may
/// have been carried out as late as just before this one (CXL-03).
pub(super) fn may_follow_a_dropped_claim(facts: &Facts<'_>, claim: &Entry, turn: &Turn) -> bool {
    let (answered, _) = attempts_possible(facts, claim, turn);
    u64::from(turn.attempt) > answered
}

/// The least attempt, of claims that were answered alone, and the most.
fn attempts_possible(facts: &Facts<'_>, claim: &Entry, turn: &Turn) -> (u64, u64) {
    let life: Incarnation = turn.head.incarnation;
    let commits = facts.turns.iter().filter(|call| call.life == life);
    let is_before = |entry: &Entry| !claim.ended_before(entry);
    // The last moment at which the count may have been reset, and the last at which it was.
    let may_reset = commits
        .clone()
        .filter(|call| call.fate != Fate::Refused && is_before(call.entry));
    let releases = facts.entries.iter().filter_map(|entry| match &entry.call {
        Call::Release { release, answer }
            if Item::of(&release.lease) == Item::Instance(turn.head.instance.clone())
                && !is_refused(answer)
                && is_before(entry) =>
        {
            Some((entry, release.attempts))
        }
        _ => None,
    });
    let resets = releases
        .clone()
        .filter(|(_, attempts)| *attempts == ReleasedAttempts::Reset)
        .map(|(entry, _)| entry);
    let may_reset = may_reset.map(|call| call.entry).chain(resets.clone());
    let may_reset = may_reset.map(|entry| entry.returned.map_or(u64::MAX, |it| it.sequence));
    let may_reset = may_reset.max().unwrap_or(0);
    let was_reset = commits.filter(|call| {
        matches!(call.answer, Some(Ok(it)) if !it.repeated) && call.entry.ended_before(claim)
    });
    let was_reset = was_reset
        .map(|call| call.entry)
        .chain(resets.filter(|entry| entry.ended_before(claim)));
    let was_reset = was_reset.map(|entry| entry.invoked.sequence).max();
    let was_reset = was_reset.unwrap_or(0);

    let others = facts
        .claimed
        .iter()
        .filter(|(entry, other)| other.head.incarnation == life && entry.invoked != claim.invoked);
    let certain = others
        .clone()
        .filter(|(entry, _)| entry.invoked.sequence > may_reset && entry.ended_before(claim));
    let possible = others.filter(|(entry, _)| {
        is_before(entry) && entry.returned.is_some_and(|it| it.sequence > was_reset)
    });
    let unanswered = facts.entries.iter().filter(|entry| {
        matches!(entry.call, Call::ClaimTurns { answer: None, .. }) && is_before(entry)
    });
    let taken_back = releases.filter(|(entry, attempts)| {
        *attempts == ReleasedAttempts::TakeBack && entry.may_follow_sequence(may_reset)
    });
    let least = 1 + count(certain).saturating_sub(count(taken_back));
    (least.max(1), 1 + count(possible) + count(unanswered))
}

fn count(items: impl Iterator) -> u64 {
    items.fold(0, |count, _| count + 1)
}
