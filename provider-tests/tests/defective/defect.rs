//! What can be wrong with a provider.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use duroxide_core::providers::{
    Commit, Committed, Envelope, ErrorKind, Fence, InstanceId, LeaseToken, Message, MessageId,
    Position, ProviderError, Recipient, Turn,
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
    late: BTreeSet<InstanceId>,
    forgotten: BTreeSet<InstanceId>,
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
            match defect {
                Defect::ReversesMessages => turn.messages.reverse(),
                Defect::CountsNoAttempts => turn.attempt = 1,
                Defect::ChangesBodies => turn.messages.iter_mut().for_each(|it| {
                    it.message.body = "something else".into();
                }),
                _ => {}
            }
        }
        if defect == Defect::ForgetsLateMessages {
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
                    self.late.insert(to.clone());
                    self.forgotten.remove(&to);
                    self.sent.entry(to).or_default().push(envelope.message.id);
                    if defect == Defect::ForgetsDelays {
                        envelope.delay = Duration::ZERO;
                    }
                }
                Commit::Turn(turn) => match defect {
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

    pub(crate) fn after_commit(
        &mut self,
        defect: Defect,
        asked: &[Commit],
        mut answers: Vec<Result<Committed, ProviderError>>,
    ) -> Vec<Result<Committed, ProviderError>> {
        for (commit, answer) in asked.iter().zip(&mut answers) {
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
