//! What was asked of the provider, and what it answered.

use std::collections::BTreeMap;

use bytes::Bytes;
use duroxide_core::providers::{CommitId, InstanceId, MessageId};

/// A turn, and the activity it schedules: the instance and the number of its event.
pub(crate) type Key = (InstanceId, u64);

/// What is known of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It may have happened: there was no answer, or one that says so.
    Unknown,
    /// It was acknowledged when the log of the disk was so long.
    Done { at: usize },
    /// It did not happen.
    Refused,
}

impl Answer {
    /// What the store must hold of the operation if power is lost at this position.
    pub(crate) fn at(self, position: usize) -> Presence {
        match self {
            Self::Refused => Presence::Absent,
            Self::Done { at } if at <= position => Presence::Present,
            Self::Done { .. } | Self::Unknown => Presence::Either,
        }
    }
}

/// Whether something has to be in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Present,
    Absent,
    Either,
}

/// Where a message comes from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// A client, who starts an instance with it or not.
    Client { starts: bool },
    /// One try of a turn.
    Turn { key: Key, commit_id: CommitId },
    /// One try of an activity's outcome.
    Activity(Key),
}

/// A message that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) origin: Origin,
    pub(crate) recipient: InstanceId,
    pub(crate) body: Bytes,
    /// That of the operation which carried it.
    pub(crate) answer: Answer,
}

/// One try to commit a turn.
#[derive(Debug, Clone)]
pub(crate) struct TurnTry {
    pub(crate) commit_id: CommitId,
    pub(crate) body: Bytes,
    pub(crate) core_state: Bytes,
    pub(crate) consumed: Vec<MessageId>,
    /// The body of the activity it schedules.
    pub(crate) activity: Option<Bytes>,
    pub(crate) answer: Answer,
}

/// An entry whose answer is awaited.
#[derive(Debug, Clone)]
pub(crate) enum Ticket {
    Message(MessageId),
    Turn(Key, CommitId),
}

/// Whose attempts are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counted {
    Turn(Key),
    Activity(Key),
}

/// The count of attempts as it was from some position of the log on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) at: usize,
    pub(crate) attempts: u32,
}

/// Everything that was asked of one store.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) sent: BTreeMap<MessageId, Sent>,
    pub(crate) turns: BTreeMap<Key, Vec<TurnTry>>,
    pub(crate) counts: BTreeMap<Counted, Vec<Count>>,
    /// When each acknowledged durable commit was asked for, and when it was answered.
    durable: Vec<(usize, usize)>,
}

impl Ledger {
    /// Notes an answer to what was asked when the log was `asked_at` long.
    pub(crate) fn note(&mut self, ticket: &Ticket, asked_at: usize, answer: Answer) {
        if let Answer::Done { at } = answer {
            self.durable.push((asked_at, at));
        }
        match ticket {
            Ticket::Message(id) => self.note_message(*id, answer),
            Ticket::Turn(key, commit_id) => {
                let tries = self.turns.get_mut(key).into_iter().flatten();
                for one in tries.filter(|one| one.commit_id == *commit_id) {
                    one.answer = answer;
                }
                let carried: Vec<MessageId> = self.carried_by(*commit_id).collect();
                for id in carried {
                    self.note_message(id, answer);
                }
            }
        }
    }

    fn note_message(&mut self, id: MessageId, answer: Answer) {
        if let Some(sent) = self.sent.get_mut(&id) {
            sent.answer = answer;
        }
    }

    fn carried_by(&self, turn: CommitId) -> impl Iterator<Item = MessageId> {
        let is_carried = move |sent: &Sent| match &sent.origin {
            Origin::Turn { commit_id, .. } => *commit_id == turn,
            Origin::Client { .. } | Origin::Activity(_) => false,
        };
        let carried = self.sent.iter().filter(move |(_, sent)| is_carried(sent));
        carried.map(|(id, _)| *id)
    }

    pub(crate) fn count(&mut self, counted: Counted, at: usize, attempts: u32) {
        let counts = self.counts.entry(counted).or_default();
        counts.push(Count { at, attempts });
    }

    /// What was written before this position survives a loss of power at `position`, since a later
    /// commit that did wait for the disk was acknowledged by then.
    pub(crate) fn durable_before(&self, position: usize) -> usize {
        let acknowledged = self.durable.iter().filter(|(_, at)| *at <= position);
        acknowledged
            .map(|(asked_at, _)| *asked_at)
            .max()
            .unwrap_or(0)
    }

    /// How many operations were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.durable.len()
    }
}
