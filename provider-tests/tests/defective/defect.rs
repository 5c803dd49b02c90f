//! What can be wrong with a provider.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use duroxide_core::providers::{
    Channel, Commit, CommitId, Committed, Envelope, ErrorKind, Fence, InstanceHead, InstanceId,
    LeaseToken, MailPage, Message, MessageId, Position, ProviderError, ReadMail, Recipient, Topic,
    TopicCursor, Turn, TurnCommit,
};
use uuid::Uuid;

/// Every so many claims are given to a second holder.
const CLAIMS_BETWEEN: usize = 5;

/// One thing that a provider gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// None, to see that the wrapper itself changes nothing.
    None,
    /// A commit is applied whatever its token and position say.
    IgnoresTheFence,
    /// A commit says that it was refused, and is applied.
    AppliesWhatItRefuses,
    /// A commit removes all that is in the inbox, whatever arrived in between.
    ConsumesWhatArrivedLate,
    /// A commit leaves the messages that it consumes.
    ConsumesNothing,
    /// A claimed turn is handed out a second time.
    ClaimsTwice,
    /// A message that came while the lease was held is not noticed when it ends.
    ForgetsLateMessages,
    /// A message is delivered with another body.
    ChangesBodies,
    /// A message comes without its delay.
    ForgetsDelays,
    /// The messages of a turn come in the wrong order.
    ReversesMessages,
    /// A cancelled activity stays.
    CancelsNothing,
    /// Attempts are not counted.
    CountsNoAttempts,
    /// A history is cut at the end of a page.
    CutsHistories,
    /// The output of an ended instance is not there.
    LosesOutputs,
    /// A deletion is answered and not done.
    DeletesNothing,
    /// A deletion leaves rows behind.
    LeavesEventsBehind,
    /// A commit leaves the mail that it consumes.
    KeepsMail,
    /// Mail is read with another body.
    ChangesMail,
    /// Mail comes in the wrong order.
    ReversesMail,
    /// The last one of several messages is not read.
    LosesMail,
    /// A page does not say that mail was left behind.
    ForgetsMoreMail,
    /// Each page says that mail was left behind.
    TellsOfMoreMail,
    /// A page holds more of a topic than was asked for.
    ReadsTooMuchMail,
    /// Mail is read of topics that nobody asked for.
    ReadsOtherTopics,
    /// Mail is claimed as what an instance's own decisions bring.
    ClaimsMail,
    /// Each claim says that there is mail.
    AnnouncesMail,
    /// No claim says that there is mail.
    HidesMail,
    /// Awaited mail wakes nobody.
    SleepsOverMail,
    /// Mail is dropped, and the sender told that it was sent.
    DropsMail,
    /// A commit suspends nothing.
    SuspendsNothing,
    /// A commit awaits nothing.
    AwaitsNothing,
    /// Control messages come last.
    ClaimsControlLast,
    /// A message to one life of an instance is taken for whichever there is.
    ConfusesLives,
    /// Mail is refused as if there was no room.
    HasNoRoom,
    /// Every fifth message is refused as if nobody was there.
    FindsNobody,
    /// A lock is held while a commit waits.
    LocksAcrossAwait,
    /// An outcome sends its message first and removes the activity then.
    OutcomeInTwoSteps,
}

/// What a defective provider remembers.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    claims: usize,
    holders: BTreeMap<InstanceId, LeaseToken>,
    last: Option<Turn>,
    sent: BTreeMap<InstanceId, Vec<MessageId>>,
    mail: BTreeSet<MessageId>,
    topics: BTreeSet<Topic>,
    /// What each commit awaited.
    awaited: BTreeMap<CommitId, Vec<Topic>>,
    /// What was awaited when an instance was claimed last.
    claimed_awaiting: BTreeMap<InstanceId, Vec<Topic>>,
    late: BTreeSet<InstanceId>,
    forgotten: BTreeSet<InstanceId>,
    /// How often each of them was claimed in secret since it was last committed.
    hidden: BTreeMap<InstanceId, u32>,
}

/// An instance that no run has.
fn nobody() -> InstanceId {
    match InstanceId::new("nobody") {
        Ok(id) => id,
        Err(error) => panic!("{error}"),
    }
}

/// A message to whichever life of an instance there is.
pub(crate) fn envelope(instance: InstanceId, message: Message) -> Envelope {
    Envelope {
        recipient: Recipient::Instance {
            instance,
            incarnation: None,
        },
        delay: Duration::ZERO,
        message,
    }
}

impl Memory {
    pub(crate) fn after_claim(&mut self, defect: Defect, turns: &mut Vec<Turn>) {
        self.claims += 1;
        for turn in turns.iter_mut() {
            self.holders
                .insert(turn.head.instance.clone(), turn.lease.token);
            self.pretend_to_await(defect, &mut turn.head);
            let awaited = turn.head.awaited.clone();
            self.claimed_awaiting
                .insert(turn.head.instance.clone(), awaited);
            match defect {
                Defect::ReversesMessages => turn.messages.reverse(),
                Defect::CountsNoAttempts => turn.attempt = 1,
                Defect::AnnouncesMail => turn.has_mail = true,
                Defect::HidesMail => turn.has_mail = false,
                Defect::ClaimsControlLast => turn
                    .messages
                    .sort_by_key(|it| it.channel == Channel::Control),
                Defect::ChangesBodies => turn.messages.iter_mut().for_each(|it| {
                    it.message.body = "something else".into();
                }),
                _ => {}
            }
        }
        if defect == Defect::ForgetsLateMessages {
            for turn in turns.iter_mut() {
                // What nobody is shown does not count either.
                let hidden = self.hidden.entry(turn.head.instance.clone()).or_default();
                if self.forgotten.contains(&turn.head.instance) {
                    *hidden += 1;
                } else {
                    turn.attempt = turn.attempt.saturating_sub(*hidden).max(1);
                }
            }
            turns.retain(|turn| !self.forgotten.contains(&turn.head.instance));
        }
        if defect == Defect::ClaimsTwice {
            if self.claims.is_multiple_of(CLAIMS_BETWEEN) {
                turns.extend(self.last.take().map(|mut turn| {
                    turn.lease.token = LeaseToken(Uuid::from_u128(self.claims as u128));
                    turn
                }));
            } else {
                self.last = turns.last().cloned().or(self.last.take());
            }
        }
    }

    pub(crate) fn before_read(&self, defect: Defect, request: &mut ReadMail) {
        match defect {
            Defect::ReadsTooMuchMail => request.per_topic_max += 1,
            Defect::ReadsOtherTopics => {
                let others = self.topics.iter().filter(|topic| {
                    let mut asked = request.topics.iter();
                    asked.all(|cursor| cursor.topic != **topic)
                });
                let others: Vec<_> = others
                    .map(|topic| TopicCursor {
                        topic: topic.clone(),
                        after: None,
                    })
                    .collect();
                request.topics.extend(others);
            }
            _ => {}
        }
    }

    pub(crate) fn after_read(&self, defect: Defect, page: &mut MailPage) {
        match defect {
            Defect::ChangesMail => page.mail.iter_mut().for_each(|it| {
                it.message.body = "something else".into();
            }),
            Defect::ReversesMail => page.mail.reverse(),
            Defect::LosesMail if page.mail.len() > 1 => {
                page.mail.pop();
            }
            Defect::ForgetsMoreMail => page.more = false,
            Defect::TellsOfMoreMail => page.more = true,
            _ => {}
        }
    }

    /// Rewrites a turn so that it passes as that of whoever holds the lease now.
    pub(crate) fn take_over_fence(&self, operation: &mut Commit, at: Option<Position>) {
        if let Commit::Turn(turn) = operation
            && let Fence::At { lease, position } = &mut turn.fence
            && let (Some(holder), Some(at)) = (self.holders.get(&turn.instance), at)
        {
            (*lease, *position) = (*holder, at);
            for (execution, update) in (at.execution..).zip(&mut turn.executions) {
                update.execution = execution;
                if let Some(chunk) = &mut update.chunk {
                    let is_first = execution == at.execution;
                    chunk.first_event_id = if is_first { at.next_event_id } else { 1 };
                }
            }
        }
    }

    pub(crate) fn before_commit(&mut self, defect: Defect, operations: &mut [Commit]) {
        for operation in operations {
            match operation {
                Commit::Send(envelope) => {
                    let to = envelope.recipient.instance().clone();
                    self.spoil_send(defect, envelope);
                    self.late.insert(to.clone());
                    self.forgotten.remove(&to);
                    self.sent.entry(to).or_default().push(envelope.message.id);
                    if defect == Defect::ForgetsDelays {
                        envelope.delay = Duration::ZERO;
                    }
                }
                Commit::Turn(turn) => match defect {
                    Defect::ForgetsLateMessages => drop(self.hidden.remove(&turn.instance)),
                    Defect::KeepsMail => turn.consumed.retain(|id| !self.mail.contains(id)),
                    Defect::SuspendsNothing => turn.suspended = None,
                    Defect::AwaitsNothing | Defect::SleepsOverMail => turn.awaited.clear(),
                    Defect::ConsumesWhatArrivedLate => {
                        let sent = self.sent.get(&turn.instance).into_iter().flatten();
                        turn.consumed.extend(sent.copied());
                    }
                    Defect::ConsumesNothing => turn.consumed.clear(),
                    Defect::CancelsNothing => turn.cancelled.clear(),
                    _ => {}
                },
                Commit::Activity(_) => {}
            }
        }
    }

    fn note_awaited(&mut self, turn: &TurnCommit) {
        let before = match turn.fence {
            Fence::Unleased { commit_id, .. } => commit_id.and_then(|it| self.awaited.get(&it)),
            Fence::At { .. } | Fence::Absent { .. } => self.claimed_awaiting.get(&turn.instance),
        };
        let awaited = if turn.executions.is_empty() {
            before.cloned()
        } else {
            Some(turn.awaited.clone())
        };
        self.awaited
            .insert(turn.commit_id, awaited.unwrap_or_default());
    }

    /// Shows what the commit before awaited, which the store does not know.
    pub(crate) fn pretend_to_await(&self, defect: Defect, head: &mut InstanceHead) {
        let awaited = head.commit_id.and_then(|it| self.awaited.get(&it));
        if let (Defect::SleepsOverMail, Some(awaited), false) =
            (defect, awaited, head.status.is_terminal())
        {
            head.awaited.clone_from(awaited);
        }
    }

    fn spoil_send(&mut self, defect: Defect, envelope: &mut Envelope) {
        self.claims += 1;
        let is_fifth = self.claims.is_multiple_of(CLAIMS_BETWEEN);
        let is_mail = envelope.message.channel.topic().is_some();
        if let Recipient::Instance {
            instance,
            incarnation,
        } = &mut envelope.recipient
        {
            match defect {
                Defect::HasNoRoom if is_mail && is_fifth => *instance = nobody(),
                Defect::FindsNobody if is_fifth => *instance = nobody(),
                Defect::ConfusesLives => *incarnation = None,
                _ => {}
            }
        }
        let message = &mut envelope.message;
        let Some(topic) = message.channel.topic() else {
            return;
        };
        self.topics.insert(topic.clone());
        self.mail.insert(message.id);
        match defect {
            Defect::ClaimsMail => message.channel = Channel::System,
            Defect::DropsMail => message.channel = Channel::Topic("nobody reads it".into()),
            _ => {}
        }
    }

    pub(crate) fn after_commit(
        &mut self,
        defect: Defect,
        asked: &[Commit],
        mut answers: Vec<Result<Committed, ProviderError>>,
    ) -> Vec<Result<Committed, ProviderError>> {
        for (commit, answer) in asked.iter().zip(&mut answers) {
            if let (Commit::Send(envelope), Err(error)) = (commit, &answer) {
                let is_mail = envelope.message.channel.topic().is_some();
                if defect == Defect::HasNoRoom && is_mail && error.kind() == ErrorKind::NotFound {
                    let (kind, text) = (ErrorKind::LimitExceeded, "refused, as it says");
                    *answer = Err(ProviderError::new(kind, "commit", text));
                }
            }
            if let (Commit::Turn(turn), Ok(_)) = (commit, &answer) {
                self.note_awaited(turn);
            }
            if let (Commit::Turn(turn), Ok(_)) = (commit, &answer) {
                if self.late.remove(&turn.instance) {
                    self.forgotten.insert(turn.instance.clone());
                }
                self.claims += 1;
                if defect == Defect::AppliesWhatItRefuses
                    && self.claims.is_multiple_of(CLAIMS_BETWEEN)
                {
                    let text = "refused, as it says";
                    *answer = Err(ProviderError::new(ErrorKind::LeaseLost, "commit", text));
                }
            }
        }
        answers
    }
}
