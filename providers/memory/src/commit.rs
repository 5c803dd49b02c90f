//! A batch of commits.

use std::collections::BTreeMap;
use std::time::Duration;

use duroxide_core::providers::{
    ActivityOutcome, Commit, Committed, Envelope, InstanceId, Limits, ProviderError, Recipient,
    TurnCommit, TurnCommitted, check, refusal,
};

use crate::check::Checked;
use crate::defect::Defect;
use crate::state::State;

type Answer = Result<Committed, ProviderError>;

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
        let apply = |operation| match operation {
            Commit::Turn(turn)
                if turns.get(&turn.instance) != Some(&1) && !self.has(Defect::TwoTurnsPass) =>
            {
                Err(refusal::two_turns(&turn.instance))
            }
            Commit::Turn(turn) => self.commit_turn(limits, turn).map(Committed::Turn),
            Commit::Activity(outcome) => self
                .commit_outcome(limits, outcome)
                .map(|messages_dropped| Committed::Activity { messages_dropped }),
            Commit::Send(envelope) => {
                check::envelope_limits(limits, envelope.recipient.instance(), &envelope)
                    .and_then(|()| self.send_from_client(limits, envelope))
                    .map(|()| Committed::Sent)
            }
        };
        operations.into_iter().map(apply).collect()
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

    /// Ends the activity and sends its message (ACT-03, ACT-04). Answers how many messages were
    /// dropped.
    fn commit_outcome(
        &mut self,
        limits: &Limits,
        outcome: ActivityOutcome,
    ) -> Result<usize, ProviderError> {
        let key = outcome.lease.key.clone();
        let is_held = self.activities.is_held(&outcome.lease, self.now_ms);
        if !is_held && !self.trusts_outcome(&outcome.lease) {
            return Err(refusal::activity_lease_lost("commit", &key));
        }
        if let Some(message) = &outcome.message {
            check::message_limits(limits, &key.instance, message)?;
        }
        self.activities.remove(&key);
        Ok(outcome.message.map_or(0, |message| {
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
