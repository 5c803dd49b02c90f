//! A batch of commits.

use std::collections::BTreeSet;
use std::time::Duration;

use duroxide::providers::{
    ActivityOutcome, Commit, Committed, Envelope, InstanceId, Lease, Limits, ProviderError,
    Recipient, check, refusal,
};

use crate::change::Change;
use crate::lease::lost;
use crate::state::State;

type Answer = Result<Committed, ProviderError>;

impl State {
    /// Applies the members one after another. A member is checked as a whole before it changes
    /// anything, so that a refused one leaves no trace and the others go on (FEN-05, COM-05).
    pub(crate) fn commit(&mut self, limits: &Limits, operations: Vec<Commit>) -> Vec<Answer> {
        let max = limits.commit_operations_max;
        if operations.len() > max {
            let refuse = |it: &Commit| {
                Err(refusal::limit_exceeded(
                    it.instance(),
                    "commit_operations_max",
                    max,
                ))
            };
            return operations.iter().map(refuse).collect();
        }
        let twice = instances_with_two_turns(&operations);
        let apply = |operation| match operation {
            Commit::Turn(turn) if twice.contains(&turn.instance) => Err(refusal::invalid(
                "commit",
                &turn.instance,
                "two turns of one instance in one batch; commit one after the other",
            )),
            Commit::Turn(turn) => self.commit_turn(limits, turn).map(Committed::Turn),
            Commit::Activity(outcome) => self
                .commit_outcome(limits, outcome)
                .map(|messages_dropped| Committed::Activity { messages_dropped }),
            Commit::Send(envelope) => self
                .send_from_client(limits, envelope)
                .map(|()| Committed::Sent),
        };
        operations.into_iter().map(apply).collect()
    }

    /// Ends an activity and sends its message (ACT-03, ACT-04). Answers how many messages were
    /// dropped.
    fn commit_outcome(
        &mut self,
        limits: &Limits,
        outcome: ActivityOutcome,
    ) -> Result<usize, ProviderError> {
        let ActivityOutcome { lease, message } = outcome;
        let key = lease.key.clone();
        let lease = Lease::Activity(lease);
        if self.held(&lease).is_none() {
            return Err(lost("commit", &lease));
        }
        if let Some(message) = &message {
            check::message_limits(limits, &key.instance, message)?;
        }
        self.change(Change::ActivityRemoved(key.clone()));
        Ok(message.map_or(0, |message| {
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

/// The instances that have more than one turn in the batch (FEN-06).
fn instances_with_two_turns(operations: &[Commit]) -> BTreeSet<InstanceId> {
    let mut seen = BTreeSet::new();
    let turns = operations.iter().filter_map(|operation| match operation {
        Commit::Turn(turn) => Some(&turn.instance),
        Commit::Activity(_) | Commit::Send(_) => None,
    });
    turns.filter(|id| !seen.insert(*id)).cloned().collect()
}
