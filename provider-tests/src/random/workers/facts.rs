//! What follows from the log and the contents: which messages were sent and delivered, which
//! commits were applied, who held which lease.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::clock::millis_ceil;
use duroxide_core::providers::{
    ActivityCancel, ActivityKey, CommitId, Envelope, Fence, Incarnation, InstanceHead, InstanceId,
    Lease, LeaseToken, Message, MessageId, NewActivity, Recipient, Renewal, Turn, TurnCommit,
    TurnCommitted,
};

use super::drain::{Contents, Life};
use super::log::{Answer, Call, Entry, Moment, is_refused, items};

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was applied: the store said so, or what it wrote is there.
    Applied,
    /// It was not: the store said so, or what it would have written is not there.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// Everything that the invariants are checked from.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) contents: &'a Contents,
    pub(super) turns: Vec<TurnCall<'a>>,
    pub(super) sent: BTreeMap<MessageId, Vec<Sent<'a>>>,
    pub(super) claimed: Vec<(&'a Entry, &'a Turn)>,
    pub(super) grants: Vec<Grant>,
    /// The bytes of all chunks that are there in the end.
    pub(super) written: BTreeSet<&'a Bytes>,
}

/// One call that commits a turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct TurnCall<'a> {
    pub(super) entry: &'a Entry,
    pub(super) commit: &'a TurnCommit,
    pub(super) answer: &'a Answer<TurnCommitted>,
    /// Which life of the instance the turn was claimed from.
    pub(super) life: Incarnation,
    /// What became of the commit, by this call or another one that repeats it.
    pub(super) fate: Fate,
}

/// One call that sends a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) entry: &'a Entry,
    pub(super) message: &'a Message,
    pub(super) to: &'a InstanceId,
    pub(super) delay: Duration,
    pub(super) fate: Fate,
}

/// What is leased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Instance(InstanceId),
    Activity(ActivityKey),
}

impl Item {
    pub(super) fn of(lease: &Lease) -> Self {
        match lease {
            Lease::Turn(lease) => Self::Instance(lease.instance.clone()),
            Lease::Activity(lease) => Self::Activity(lease.key.clone()),
        }
    }

    pub(super) fn instance(&self) -> &InstanceId {
        match self {
            Self::Instance(instance) => instance,
            Self::Activity(key) => &key.instance,
        }
    }
}

/// A claim, a renewal or a commit that lets somebody hold a lease from then on.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) item: Item,
    pub(super) token: LeaseToken,
    pub(super) invoked: Moment,
    /// `None` if no answer came: the lease may be held, and longer than anybody knows.
    pub(super) returned: Option<Moment>,
    pub(super) lease_ms: u64,
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
            grants: entries.iter().flat_map(grants_of).collect(),
            written,
        };
        facts.turns = facts.turns_of_log();
        facts.sent = facts.sent_in_log();
        let reserved = facts.turns.iter().flat_map(reserved_by);
        facts.grants.extend(reserved.collect::<Vec<_>>());
        facts
    }

    fn turns_of_log(&self) -> Vec<TurnCall<'a>> {
        let lives: BTreeMap<LeaseToken, Incarnation> = self
            .claimed
            .iter()
            .map(|(_, turn)| (turn.lease.token, turn.head.incarnation))
            .collect();
        let mut calls: Vec<TurnCall<'a>> = Vec::new();
        for entry in self.entries {
            if let Call::Turn { commit, answer } = &entry.call
                && let Fence::At { lease: token, .. } = commit.fence
                && let Some(life) = lives.get(&token)
            {
                calls.push(TurnCall {
                    entry,
                    commit,
                    answer,
                    life: *life,
                    fate: Fate::Unknown,
                });
            }
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

    /// Whether a chunk of this commit is there in the end.
    pub(super) fn is_written(&self, commit: &TurnCommit) -> bool {
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

fn fate_of_answer<T>(answer: &Answer<T>) -> Fate {
    match answer {
        Some(Ok(_)) => Fate::Applied,
        Some(Err(_)) => Fate::Refused,
        None => Fate::Unknown,
    }
}

fn sent_by_call(entry: &Entry) -> Option<Sent<'_>> {
    match &entry.call {
        Call::Send { envelope, answer } => Some(Sent {
            entry,
            message: &envelope.message,
            to: envelope.recipient.instance(),
            delay: envelope.delay,
            fate: fate_of_answer(answer),
        }),
        Call::Outcome { outcome, answer } => Some(Sent {
            entry,
            message: outcome.message.as_ref()?,
            to: &outcome.lease.key.instance,
            delay: Duration::ZERO,
            fate: match answer {
                Some(Ok(1..)) => Fate::Refused,
                _ => fate_of_answer(answer),
            },
        }),
        _ => None,
    }
}

fn sent_by_turn<'a>(call: &TurnCall<'a>) -> impl Iterator<Item = Sent<'a>> + use<'a> {
    let call = *call;
    let strays_max = call
        .commit
        .messages
        .iter()
        .filter(|it| may_stray(call.commit, it))
        .count();
    call.commit.messages.iter().map(move |envelope| {
        let fate = match call.answer {
            Some(Ok(it)) if !it.repeated => match it.messages_dropped {
                dropped if dropped == 0 || !may_stray(call.commit, envelope) => Fate::Applied,
                dropped if dropped == strays_max => Fate::Refused,
                _ => Fate::Unknown,
            },
            // Whether another instance was there is only in the answer.
            _ if *envelope.recipient.instance() == call.commit.instance => call.fate,
            _ if call.fate == Fate::Refused => Fate::Refused,
            _ => Fate::Unknown,
        };
        Sent {
            entry: call.entry,
            message: &envelope.message,
            to: envelope.recipient.instance(),
            delay: envelope.delay,
            fate,
        }
    })
}

/// Whether nobody may be there to receive a message: a start makes its instance, and the turn's own
/// is there.
fn may_stray(commit: &TurnCommit, envelope: &Envelope) -> bool {
    matches!(envelope.recipient, Recipient::Instance { .. })
        && *envelope.recipient.instance() != commit.instance
}

fn grants_of(entry: &Entry) -> Vec<Grant> {
    let grant = |item, token, lease| Grant {
        item,
        token,
        invoked: entry.invoked,
        returned: entry.returned,
        lease_ms: millis_ceil(lease),
    };
    match &entry.call {
        Call::ClaimTurns { lease, answer } => items(answer)
            .iter()
            .map(|turn| {
                let item = Item::Instance(turn.head.instance.clone());
                grant(item, turn.lease.token, *lease)
            })
            .collect(),
        Call::ClaimActivities { lease, answer } => items(answer)
            .iter()
            .map(|it| grant(Item::Activity(it.lease.key.clone()), it.lease.token, *lease))
            .collect(),
        Call::Renew {
            lease,
            extend_by,
            answer: None | Some(Ok(Renewal::Renewed)),
        } => vec![grant(Item::of(lease), lease.token(), *extend_by)],
        _ => Vec::new(),
    }
}

/// The leases that a turn's activities are born with (ACT-02).
fn reserved_by<'a>(call: &TurnCall<'a>) -> impl Iterator<Item = Grant> + use<'a> {
    let call = *call;
    // A repeat grants nothing, and its first call has a grant of its own.
    let may_grant = match call.answer {
        Some(Ok(committed)) => !committed.repeated,
        Some(Err(_)) => false,
        None => true,
    };
    let activities = call.commit.activities.iter();
    activities
        .filter(move |_| may_grant)
        .filter_map(move |activity| {
            let reservation = activity.reservation?;
            let key = key_of(&call.commit.instance, call.life, activity);
            Some(Grant {
                item: Item::Activity(key),
                token: reservation.token,
                invoked: call.entry.invoked,
                returned: call.entry.returned,
                lease_ms: millis_ceil(reservation.lease),
            })
        })
}

/// The key of an activity that a turn of this life schedules.
pub(super) fn key_of(
    instance: &InstanceId,
    incarnation: Incarnation,
    activity: &NewActivity,
) -> ActivityKey {
    ActivityKey {
        instance: instance.clone(),
        incarnation,
        execution: activity.execution,
        activity_id: activity.activity_id,
    }
}

/// Whether a commit cancels this activity. Those of an execution that it cancels are those that were
/// scheduled before: an activity has the id of its event.
pub(super) fn cancels(commit: &TurnCommit, key: &ActivityKey) -> bool {
    commit.instance == key.instance
        && commit.cancelled.iter().any(|cancel| match cancel {
            ActivityCancel::One {
                execution,
                activity_id,
            } => *execution == key.execution && *activity_id == key.activity_id,
            ActivityCancel::AllOfExecution(execution) => match commit.fence {
                Fence::At { position, .. } | Fence::Unleased { position, .. } => {
                    let end = (position.execution, position.next_event_id);
                    *execution == key.execution && (key.execution, key.activity_id) < end
                }
                Fence::Absent { .. } => false,
            },
        })
}
