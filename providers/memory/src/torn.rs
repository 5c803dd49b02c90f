//! Operations that a defect takes apart, so that others come in between or the second half never
//! happens.

use duroxide_core::providers::{
    ClaimTurns, Claimed, Commit, Committed, Envelope, InstanceId, MessageId, ProviderError, Turn,
};
use tokio::task::yield_now;

use crate::defect::Defect;
use crate::provider::MemoryProvider;

type Answers = Vec<Result<Committed, ProviderError>>;

/// How often a half-done operation lets others run.
const YIELDS: usize = 4;

/// What is left for the second half of a commit, by its member of the batch.
#[derive(Default)]
struct Rest {
    envelopes: Vec<(usize, Envelope)>,
    consumed: Vec<(usize, InstanceId, Vec<MessageId>)>,
    released: Vec<InstanceId>,
}

impl MemoryProvider {
    fn has(&self, defect: Defect) -> bool {
        self.options.defects.has(defect)
    }

    /// Whether commits come in two halves.
    pub(crate) fn tears_commits(&self) -> bool {
        [
            Defect::ConsumesLater,
            Defect::ReleaseRacesWithSends,
            Defect::SendsLater,
            Defect::TransactionStaysOpen,
            Defect::WakesTooEarly,
        ]
        .into_iter()
        .any(|defect| self.has(defect))
    }

    pub(crate) async fn commit_torn(&self, mut operations: Vec<Commit>) -> Answers {
        if self.has(Defect::TransactionStaysOpen) {
            self.set_closed(true);
            let_others_run().await;
            self.set_closed(false);
        }
        if self.has(Defect::WakesTooEarly) {
            self.wakes.wake_all();
            let_others_run().await;
            return self.commit_at_once(operations);
        }
        let rest = self.take_rest(&mut operations);
        let mut answers = self.commit_at_once(operations);
        let idle = self.without_work(&rest.released);
        self.wakes.wake_all();
        let_others_run().await;
        self.commit_rest(rest, &mut answers);
        self.forget_arrivals(&idle);
        self.wakes.wake_all();
        answers
    }

    /// Takes from a batch what its second half does.
    fn take_rest(&self, operations: &mut [Commit]) -> Rest {
        let mut rest = Rest::default();
        for (member, operation) in operations.iter_mut().enumerate() {
            let Commit::Turn(turn) = operation else {
                continue;
            };
            if self.has(Defect::SendsLater) {
                let envelopes = std::mem::take(&mut turn.messages).into_iter();
                rest.envelopes
                    .extend(envelopes.map(|envelope| (member, envelope)));
            }
            if self.has(Defect::ConsumesLater) {
                let consumed = std::mem::take(&mut turn.consumed);
                rest.consumed
                    .push((member, turn.instance.clone(), consumed));
            }
            if self.has(Defect::ReleaseRacesWithSends) {
                rest.released.push(turn.instance.clone());
            }
        }
        for (member, operation) in operations.iter_mut().enumerate() {
            if let (true, Commit::Activity(outcome)) = (self.has(Defect::SendsLater), operation) {
                let key = outcome.lease.key.clone();
                rest.envelopes.extend(outcome.message.take().map(|message| {
                    let recipient = duroxide_core::providers::Recipient::Instance {
                        instance: key.instance,
                        incarnation: Some(key.incarnation),
                    };
                    let delay = std::time::Duration::ZERO;
                    (
                        member,
                        Envelope {
                            recipient,
                            delay,
                            message,
                        },
                    )
                }));
            }
        }
        rest
    }

    fn commit_rest(&self, rest: Rest, answers: &mut Answers) {
        let Ok(mut state) = self.enter("commit") else {
            return;
        };
        for (member, id, consumed) in rest.consumed {
            if let (Some(Ok(_)), Some(instance)) =
                (answers.get(member), state.instances.get_mut(&id))
            {
                for message in consumed {
                    instance.inbox.remove(message);
                }
                state.refresh(&id);
            }
        }
        for (member, envelope) in rest.envelopes {
            let undelivered = match answers.get_mut(member) {
                Some(Ok(Committed::Turn(turn))) if !turn.repeated => {
                    let dropped = state.send(envelope);
                    turn.undelivered.extend(dropped);
                    continue;
                }
                Some(Ok(Committed::Activity { undelivered })) => undelivered,
                _ => continue,
            };
            *undelivered = state.send(envelope);
        }
    }

    /// Those of these instances that have nothing in their inbox now.
    fn without_work(&self, instances: &[InstanceId]) -> Vec<InstanceId> {
        let Ok(state) = self.enter("commit") else {
            return Vec::new();
        };
        let is_idle = |id: &&InstanceId| {
            let instance = state.instances.get(*id);
            instance.is_some_and(|it| it.inbox.earliest_ms().is_none())
        };
        instances.iter().filter(is_idle).cloned().collect()
    }

    fn forget_arrivals(&self, instances: &[InstanceId]) {
        let Ok(mut state) = self.enter("commit") else {
            return;
        };
        for id in instances {
            state.forget_arrivals(id);
        }
    }

    /// Looks, lets others run, and leases what it saw.
    pub(crate) async fn claim_turns_torn(
        &self,
        request: &ClaimTurns,
    ) -> Result<Claimed<Turn>, ProviderError> {
        let seen = self.enter("claim_turns")?.due_turns(request.turns_max);
        let_others_run().await;
        Ok(self.enter("claim_turns")?.lease_turns(seen, request))
    }
}

async fn let_others_run() {
    for _ in 0..YIELDS {
        yield_now().await;
    }
}
