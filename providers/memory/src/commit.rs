//! A batch of commits.

use std::collections::BTreeMap;
use std::time::Duration;

use duroxide_core::providers::{
    ActivityOutcome, Commit, Committed, Envelope, InstanceId, LeaseAfterCommit, Limits, MessageId,
    ProviderError, Recipient, TurnCommit, TurnCommitted, check, refusal,
};

use crate::check::Checked;
use crate::defect::Defect;
use crate::lease::Hold;
use crate::state::State;

type Answer = Result<Committed, ProviderError>;

/// What becomes of the lease of a turn that was applied, decided when the batch is through.
struct Settlement {
    member: usize,
    instance: InstanceId,
    lease: LeaseAfterCommit,
}

impl State {
    pub(crate) fn commit(&mut self, limits: &Limits, operations: Vec<Commit>) -> Vec<Answer> {
        let max = limits.commit_operations_max;
        if operations.len() > max {
            return operations
                .iter()
                .map(|it| refusal::limit_exceeded(it.instance(), "commit_operations_max", max))
                .map(Err)
                .collect();
        }
        let turns = count_turns(&operations);
        let mut settlements = Vec::new();
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let member = answers.len();
            answers.push(match operation {
                Commit::Turn(turn)
                    if turns.get(&turn.instance) != Some(&1) && !self.has(Defect::TwoTurnsPass) =>
                {
                    Err(refusal::two_turns(&turn.instance))
                }
                Commit::Turn(turn) => {
                    let settlement = Settlement {
                        member,
                        instance: turn.instance.clone(),
                        lease: turn.lease,
                    };
                    self.commit_turn(limits, turn).map(|committed| {
                        if !committed.repeated {
                            settlements.push(settlement);
                        }
                        Committed::Turn(committed)
                    })
                }
                Commit::Activity(outcome) => self
                    .commit_outcome(limits, outcome)
                    .map(|undelivered| Committed::Activity { undelivered }),
                Commit::Send(envelope) => {
                    check::envelope_limits(limits, envelope.recipient.instance(), &envelope)
                        .and_then(|()| self.send_from_client(limits, envelope))
                        .map(|()| Committed::Sent)
                }
            });
            if self.has(Defect::SettlesAtOnce) {
                self.settle_each(settlements.drain(..), &mut answers);
            }
        }
        self.settle_each(settlements, &mut answers);
        answers
    }

    fn settle_each(
        &mut self,
        settlements: impl IntoIterator<Item = Settlement>,
        answers: &mut [Answer],
    ) {
        for settlement in settlements {
            let lease_kept = self.settle(&settlement);
            if let Some(Ok(Committed::Turn(turn))) = answers.get_mut(settlement.member) {
                turn.lease_kept = lease_kept;
            }
        }
    }

    fn commit_turn(
        &mut self,
        limits: &Limits,
        turn: TurnCommit,
    ) -> Result<TurnCommitted, ProviderError> {
        if self.is_defective() {
            self.write_early(&turn);
        }
        Ok(match self.check_turn(limits, &turn)? {
            Checked::Repeated => {
                if self.has(Defect::RepeatSendsAgain) {
                    self.send_each(turn.messages);
                }
                TurnCommitted {
                    repeated: true,
                    ..TurnCommitted::default()
                }
            }
            Checked::Applicable(basis) if self.is_defective() => self.apply_spoiled(turn, basis),
            Checked::Applicable(basis) => self.apply_turn(turn, basis),
        })
    }

    /// Ends the activity and sends its message (ACT-03, ACT-04).
    fn commit_outcome(
        &mut self,
        limits: &Limits,
        outcome: ActivityOutcome,
    ) -> Result<Option<MessageId>, ProviderError> {
        let key = outcome.lease.key.clone();
        let is_held = self.activities.is_held(&outcome.lease, self.now_ms);
        if !is_held && !self.trusts_outcome(&outcome.lease) {
            return Err(refusal::activity_lease_lost("commit", &key));
        }
        if let Some(message) = &outcome.message {
            check::message_limits(limits, &key.instance, message)?;
        }
        self.activities.remove(&key);
        Ok(outcome.message.and_then(|message| {
            self.send(Envelope {
                recipient: Recipient::Instance {
                    instance: key.instance,
                    incarnation: Some(key.incarnation),
                },
                delay: Duration::ZERO,
                message,
            })
        }))
    }

    /// Keeps or ends the lease, with everything in view that the batch sent (COM-04, COM-06,
    /// LEA-09). Answers whether it was kept.
    fn settle(&mut self, settlement: &Settlement) -> bool {
        let kept_until_ms = match settlement.lease {
            LeaseAfterCommit::Release => None,
            LeaseAfterCommit::Keep(lease) => Some(self.after(lease)),
        };
        let now_ms = self.now_ms;
        let is_careless = self.has(Defect::KeepsOverMessages);
        let revives = self.has(Defect::UnleasedRevivesLease);
        let Some(instance) = self.instances.get_mut(&settlement.instance) else {
            return false;
        };
        let holder = if revives {
            instance.hold.last_holder()
        } else {
            instance.hold.holder(now_ms)
        };
        let kept = kept_until_ms
            .filter(|_| is_careless || !instance.inbox.has_visible(now_ms))
            .zip(holder)
            .map(|(until_ms, token)| Hold::leased(token, until_ms));
        instance.hold = kept.unwrap_or(Hold::free_from(now_ms));
        self.refresh(&settlement.instance);
        if self.has(Defect::ReleaseForgetsArrivals) {
            self.forget_arrivals(&settlement.instance);
        }
        kept.is_some()
    }
}

/// How many turns of each instance there are (FEN-06).
fn count_turns(operations: &[Commit]) -> BTreeMap<InstanceId, usize> {
    let mut turns = BTreeMap::new();
    for operation in operations {
        if let Commit::Turn(turn) = operation {
            *turns.entry(turn.instance.clone()).or_insert(0) += 1;
        }
    }
    turns
}
