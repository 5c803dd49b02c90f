//! How an instance stands: what its head says of what wakes it, and who may go on from it.

use std::collections::BTreeMap;

use duroxide_core::clock::millis_ceil;
use duroxide_core::providers::{CommitId, Fence, Incarnation};

use super::leases::may_end_at;
use crate::random::workers::facts::{Facts, Fate, Item, Standing, TurnCall};
use crate::random::workers::log::{Call, Entry};
use crate::random::workers::report::Finding;

/// Every head that is seen says of what is awaited and of the suspension what the commits up to it said
/// (HEA-01, HEA-02, MAI-05, SUS-02).
pub(super) fn heads_follow_commits(facts: &Facts<'_>) -> Result<(), Finding> {
    let calls: BTreeMap<CommitId, &TurnCall<'_>> = facts
        .turns
        .iter()
        .map(|call| (call.commit.commit_id, call))
        .collect();
    let nothing = Standing {
        awaited: &[],
        suspended: false,
    };
    for (look, head) in facts.heads() {
        let expected = match head.commit_id {
            None => Some(nothing.clone()),
            Some(commit_id) => calls.get(&commit_id).and_then(|call| call.standing()),
        };
        let seen = Standing {
            awaited: &head.awaited,
            suspended: head.suspended,
        };
        if let Some(expected) = expected
            && expected != seen
        {
            let sequence = look.invoked.sequence;
            let text = format!("#{sequence} shows {seen:?}, and the commits say {expected:?}");
            return Err(Finding::of(&head.instance, text).seen_by(look));
        }
    }
    Ok(())
}

/// Every head that is seen has the status that the last commit with executions said, of an instance that
/// was opened again as well (HEA-01, HEA-02, EXE-04).
pub(super) fn statuses_follow_commits(facts: &Facts<'_>) -> Result<(), Finding> {
    let calls: BTreeMap<CommitId, &TurnCall<'_>> = facts
        .turns
        .iter()
        .map(|call| (call.commit.commit_id, call))
        .collect();
    for (look, head) in facts.heads() {
        let call = head.commit_id.and_then(|commit_id| calls.get(&commit_id));
        let said = call.and_then(|call| match call.commit.executions.last() {
            Some(last) => Some(last.status.of_instance()),
            None => call.base.map(|base| base.status),
        });
        if let Some(said) = said.filter(|said| *said != head.status) {
            let (sequence, seen) = (look.invoked.sequence, head.status);
            let text = format!("#{sequence} shows {seen:?}, and the commits say {said:?}");
            return Err(Finding::of(&head.instance, text).seen_by(look));
        }
    }
    Ok(())
}

/// Two applied commits never go on from one, and a turn without a lease goes on neither from a
/// suspended instance nor while somebody holds it or a release holds it back (FEN-02, FEN-07).
pub(super) fn one_goes_on(facts: &Facts<'_>) -> Result<(), Finding> {
    let mut next: BTreeMap<(Incarnation, Option<CommitId>), CommitId> = BTreeMap::new();
    for call in facts.turns.iter().filter(|it| it.fate == Fate::Applied) {
        let id = call.commit.commit_id;
        let first = *next.entry((call.life, call.after)).or_insert(id);
        let reason = if first == id {
            refused_unleased(facts, call)
        } else {
            Some("goes on from where another one has")
        };
        if let Some(reason) = reason {
            let text = format!(
                "#{} was accepted, and {reason}",
                call.entry.invoked.sequence
            );
            return Err(Finding::of(&call.commit.instance, text).seen_by(call.entry));
        }
    }
    Ok(())
}

/// Why an applied turn without a lease should have been refused.
fn refused_unleased(facts: &Facts<'_>, call: &TurnCall<'_>) -> Option<&'static str> {
    let is_first = matches!(call.answer, Some(Ok(answer)) if !answer.repeated);
    if !is_first || !matches!(call.commit.fence, Fence::Unleased { .. }) {
        return None;
    }
    if call.base.is_some_and(|base| base.suspended) {
        return Some("the instance was suspended");
    }
    if is_held(facts, call) {
        return Some("somebody held the instance");
    }
    let is_held_back = facts
        .entries
        .iter()
        .any(|entry| holds_back(facts, entry, call));
    is_held_back.then_some("the instance was held back")
}

fn is_held(facts: &Facts<'_>, call: &TurnCall<'_>) -> bool {
    let (Some(until), item) = (
        call.entry.returned,
        Item::Instance(call.commit.instance.clone()),
    ) else {
        return false;
    };
    facts.grants.iter().any(|grant| {
        let is_before = grant.returned.is_some_and(|it| it < call.entry.invoked);
        let expires_ms = grant.invoked.at_ms + grant.lease_ms;
        grant.item == item
            && is_before
            && until.at_ms < expires_ms
            && until.sequence < may_end_at(facts, grant)
    })
}

/// Whether a release held the instance back for as long as the commit took: no claim came in between,
/// and nothing that might have ended the delay (LEA-06).
fn holds_back(facts: &Facts<'_>, entry: &Entry, call: &TurnCall<'_>) -> bool {
    let Call::Release {
        release,
        answer: Some(Ok(())),
    } = &entry.call
    else {
        return false;
    };
    let instance = &call.commit.instance;
    let is_it = Item::of(&release.lease) == Item::Instance(instance.clone());
    let until_ms = entry.invoked.at_ms + millis_ceil(release.delay);
    let is_within =
        entry.ended_before(call.entry) && call.entry.returned.is_some_and(|it| it.at_ms < until_ms);
    let may_be_claimed = facts.entries.iter().any(|it| {
        matches!(&it.call, Call::ClaimTurns { answer, .. }
            if answer.is_none() || it.concerns(instance))
            && it.may_follow(entry)
            && !call.entry.ended_before(it)
    });
    is_it && is_within && !may_be_claimed && !facts.may_be_deleted(instance, entry, call.entry)
}
