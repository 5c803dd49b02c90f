//! What follows from the log and the contents: which messages were sent and delivered, which
//! commits were applied, who held which lease.

mod delivered;
mod grant;
mod inbox;
mod sent;
mod turn_call;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use duroxide_core::providers::{
    CommitId, Fence, Incarnation, InstanceHead, InstanceId, LeaseToken, MessageId, Turn,
    TurnCommit, TurnCommitted,
};

pub(super) use self::delivered::Delivered;
use self::delivered::delivered_by;
pub(super) use self::grant::{Grant, Item};
use self::grant::{grants_of, reserved_by};
pub(super) use self::sent::Sent;
use self::sent::{sent_by_call, sent_by_turn};
pub(super) use self::turn_call::{Fate, Standing, TurnCall, cancels};
use super::drain::{Contents, Life};
use super::log::{Answer, Call, Entry, is_refused, items};

/// Everything that the invariants are checked from.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) contents: &'a Contents,
    pub(super) turns: Vec<TurnCall<'a>>,
    pub(super) sent: BTreeMap<MessageId, Vec<Sent<'a>>>,
    pub(super) claimed: Vec<(&'a Entry, &'a Turn)>,
    /// What claims and reads of mail handed out, call by call.
    pub(super) delivered: Vec<Delivered<'a>>,
    pub(super) grants: Vec<Grant>,
    /// The bytes of all chunks that are there in the end.
    pub(super) written: BTreeSet<&'a Bytes>,
    /// The commits that some head named as the last one.
    seen: BTreeSet<CommitId>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(entries: &'a [Entry], contents: &'a Contents) -> Self {
        let claimed: Vec<_> = entries.iter().flat_map(claimed_by).collect();
        let written = contents
            .lives
            .values()
            .flat_map(|life| life.histories.iter().flatten())
            .map(|chunk| &chunk.body)
            .collect();
        let mut facts = Self {
            entries,
            contents,
            turns: Vec::new(),
            sent: BTreeMap::new(),
            claimed,
            delivered: entries.iter().flat_map(delivered_by).collect(),
            grants: entries.iter().flat_map(grants_of).collect(),
            written,
            seen: BTreeSet::new(),
        };
        facts.seen = facts
            .heads()
            .filter_map(|(_, head)| head.commit_id)
            .collect();
        facts.turns = facts.turns_of_log();
        facts.sent = facts.sent_in_log();
        let reserved = facts.turns.iter().flat_map(reserved_by);
        facts.grants.extend(reserved.collect::<Vec<_>>());
        facts
    }

    fn turns_of_log(&self) -> Vec<TurnCall<'a>> {
        let leases: BTreeMap<LeaseToken, &InstanceHead> = self
            .claimed
            .iter()
            .map(|(_, turn)| (turn.lease.token, &turn.head))
            .collect();
        let heads: BTreeMap<(Incarnation, Option<CommitId>), &InstanceHead> = self
            .heads()
            .map(|(_, head)| ((head.incarnation, head.commit_id), head))
            .collect();
        let mut calls: Vec<TurnCall<'a>> = Vec::new();
        for entry in self.entries {
            let Call::Turn { commit, answer } = &entry.call else {
                continue;
            };
            let (life, base, after) = match commit.fence {
                Fence::At { lease, .. } => match leases.get(&lease) {
                    Some(head) => (head.incarnation, Some(*head), head.commit_id),
                    None => continue,
                },
                Fence::Unleased {
                    incarnation,
                    commit_id,
                    ..
                } => {
                    let base = heads.get(&(incarnation, commit_id)).copied();
                    (incarnation, base, commit_id)
                }
                Fence::Absent { .. } => continue,
            };
            calls.push(TurnCall {
                entry,
                commit,
                answer,
                life,
                base,
                after,
                fate: Fate::Unknown,
            });
        }
        let mut answers: BTreeMap<CommitId, Vec<&Answer<TurnCommitted>>> = BTreeMap::new();
        for call in &calls {
            let of_commit = answers.entry(call.commit.commit_id).or_default();
            of_commit.push(call.answer);
        }
        for call in &mut calls {
            let answers = &answers[&call.commit.commit_id];
            call.fate = self.fate_of(call, answers);
        }
        calls
    }

    fn fate_of(&self, call: &TurnCall<'_>, answers: &[&Answer<TurnCommitted>]) -> Fate {
        if answers.iter().any(|answer| matches!(answer, Some(Ok(_)))) {
            return Fate::Applied;
        }
        if answers.iter().all(|answer| is_refused(answer)) {
            return Fate::Refused;
        }
        if self.is_written(call.commit) {
            return Fate::Applied;
        }
        let writes = call.commit.executions.iter().any(|it| it.chunk.is_some());
        let is_last_life = self.last_life(&call.commit.instance, call.life).is_some();
        if writes && is_last_life {
            Fate::Refused
        } else {
            Fate::Unknown
        }
    }

    fn sent_in_log(&self) -> BTreeMap<MessageId, Vec<Sent<'a>>> {
        let mut sent: BTreeMap<MessageId, Vec<Sent<'a>>> = BTreeMap::new();
        let calls = self.turns.iter().flat_map(sent_by_turn);
        for one in self.entries.iter().filter_map(sent_by_call).chain(calls) {
            sent.entry(one.message.id).or_default().push(one);
        }
        sent
    }

    /// Whether a chunk of this commit is there in the end, or a head was seen that it left.
    pub(super) fn is_written(&self, commit: &TurnCommit) -> bool {
        if self.seen.contains(&commit.commit_id) {
            return true;
        }
        let chunks = commit.executions.iter().filter_map(|it| it.chunk.as_ref());
        chunks
            .map(|it| &it.body)
            .any(|it| self.written.contains(it))
    }

    /// What is there of this life of the instance in the end, if it was the last one.
    pub(super) fn last_life(&self, instance: &InstanceId, life: Incarnation) -> Option<&'a Life> {
        let last = self.contents.lives.get(instance)?;
        (last.head.incarnation == life).then_some(last)
    }

    /// Whether an ended instance may have been opened again after it had ended with this commit, and before
    /// this call was answered (EXE-04).
    pub(super) fn may_be_opened(&self, end: &TurnCall<'_>, until: &Entry) -> bool {
        self.turns.iter().any(|call| {
            call.life == end.life
                && call.fate != Fate::Refused
                && call.opens_behind(end)
                && !until.ended_before(call.entry)
        })
    }

    /// The calls that delete this instance and were not refused.
    pub(super) fn deletions(&self, of: &InstanceId) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| match &entry.call {
            Call::Delete { instance, answer } => instance == of && !is_refused(answer),
            _ => false,
        })
    }

    /// Every head that somebody saw, and the call that showed it.
    pub(super) fn heads(&self) -> impl Iterator<Item = (&'a Entry, &'a InstanceHead)> + Clone {
        let claimed = self
            .claimed
            .iter()
            .map(|(entry, turn)| (*entry, &turn.head));
        let read = self.entries.iter().filter_map(|entry| match &entry.call {
            Call::ReadHead {
                answer: Some(Ok(Some(head))),
                ..
            } => Some((entry, head)),
            _ => None,
        });
        claimed.chain(read)
    }
}

fn claimed_by(entry: &Entry) -> impl Iterator<Item = (&Entry, &Turn)> {
    let turns = match &entry.call {
        Call::ClaimTurns { answer, .. } => items(answer),
        _ => &[],
    };
    turns.iter().map(move |turn| (entry, turn))
}
