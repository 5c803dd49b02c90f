//! A batch of commits.

use std::collections::BTreeSet;
use std::time::Duration;

use duroxide::providers::{
    ActivityOutcome, Commit, Committed, Envelope, InstanceId, Lease, LeaseAfterCommit, Limits,
    MessageId, ProviderError, Recipient, check, refusal,
};

use crate::change::{Change, Item};
use crate::lease::{Hold, lost};
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
        let mut turns = Vec::new();
        let mut answers: Vec<Answer> = Vec::with_capacity(operations.len());
        for operation in operations {
            let answer = match operation {
                Commit::Turn(turn) if twice.contains(&turn.instance) => Err(refusal::invalid(
                    "commit",
                    &turn.instance,
                    "two turns of one instance in one batch; commit one after the other",
                )),
                Commit::Turn(turn) => {
                    let (member, instance, lease) =
                        (answers.len(), turn.instance.clone(), turn.lease);
                    let answer = self.commit_turn(limits, turn);
                    if answer.as_ref().is_ok_and(|committed| !committed.repeated) {
                        turns.push((member, instance, lease));
                    }
                    answer.map(Committed::Turn)
                }
                Commit::Activity(outcome) => self
                    .commit_outcome(limits, outcome)
                    .map(|undelivered| Committed::Activity { undelivered }),
                Commit::Send(envelope) => self
                    .send_from_client(limits, envelope)
                    .map(|()| Committed::Sent),
            };
            answers.push(answer);
        }
        // The leases come last: they must see what the whole batch has sent (COM-06).
        for (member, instance, lease) in turns {
            let is_kept = self.end_or_keep(&instance, lease);
            if let Some(Ok(Committed::Turn(turn))) = answers.get_mut(member) {
                turn.lease_kept = is_kept;
            }
        }
        answers
    }

    /// Ends an activity and sends its message (ACT-03, ACT-04).
    fn commit_outcome(
        &mut self,
        limits: &Limits,
        outcome: ActivityOutcome,
    ) -> Result<Option<MessageId>, ProviderError> {
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
        Ok(message.and_then(|message| {
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

    /// Settles the lease of a turn that was applied: it is kept if that was asked for and no
    /// visible message is left (LEA-09), and ends otherwise (COM-04). Answers whether it was kept.
    /// The attempts begin anew (ATT-02).
    fn end_or_keep(&mut self, id: &InstanceId, lease: LeaseAfterCommit) -> bool {
        let Some(instance) = self.instances.get(id) else {
            return false;
        };
        let has_visible = instance.inbox.due(self.now_ms).next().is_some();
        let holder = instance.hold.holder(self.now_ms);
        let hold = match (lease, holder) {
            (LeaseAfterCommit::Keep(lease), Some(token)) if !has_visible => {
                Hold::leased(token, self.after(lease), 0)
            }
            (LeaseAfterCommit::Keep(_) | LeaseAfterCommit::Release, _) => {
                Hold::free_from(self.now_ms, 0)
            }
        };
        let item = Item::Turn(id.clone());
        self.change(Change::Hold { item, hold });
        hold.holder(self.now_ms).is_some()
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
