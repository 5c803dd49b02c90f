//! Operations that a defect takes apart, so that others come in between or the second half never
//! happens.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use duroxide_core::providers::{
    ClaimTurns, Claimed, Commit, CommitId, Committed, Delivery, Envelope, InstanceId, MessageId,
    ProviderError, Recipient, Turn, ValueUpdate,
};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::defect::Defect;
use crate::inbox::Extent;
use crate::provider::MemoryProvider;
use crate::state::State;

type Answers = Vec<Result<Committed, ProviderError>>;

/// For how long a half-done commit lets others run, in real time.
const PAUSE: Duration = Duration::from_millis(5);
/// For how long one that looked waits for somebody to change what it saw, in real time.
const PATIENCE: Duration = Duration::from_millis(20);
/// How often a claim that looked, or a half-done commit, lets others run.
const YIELDS: usize = 64;

/// What is left for the second half of a commit, by its member of the batch.
#[derive(Default)]
struct Rest {
    envelopes: Vec<(usize, Envelope)>,
    consumed: Vec<(usize, InstanceId, Vec<MessageId>)>,
    values: Vec<(usize, OfTurn)>,
    released: Vec<InstanceId>,
}

/// The values of a turn.
type OfTurn = (InstanceId, CommitId, Vec<ValueUpdate>);

impl MemoryProvider {
    fn has(&self, defect: Defect) -> bool {
        self.options.defects.has(defect)
    }

    /// Whether commits come in two halves.
    pub(crate) fn tears_commits(&self) -> bool {
        [
            Defect::ConsumesLater,
            Defect::ReleaseRacesWithSends,
            Defect::ReplacementTakesTwoSteps,
            Defect::SendsLater,
            Defect::ValuesComeLater,
            Defect::TransactionStaysOpen,
            Defect::WakesTooEarly,
        ]
        .into_iter()
        .any(|defect| self.has(defect))
    }

    pub(crate) async fn commit_torn(&self, mut operations: Vec<Commit>) -> Answers {
        if self.has(Defect::TransactionStaysOpen) && self.enter("commit").is_ok() {
            self.set_closed(true);
            let_others_run().await;
            self.set_closed(false);
        }
        if self.has(Defect::WakesTooEarly) {
            self.wakes.wake_all();
            let_others_run().await;
            return self.commit_at_once(operations);
        }
        if self.has(Defect::ReplacementTakesTwoSteps) && self.remove_replaced(&operations) {
            let_others_run().await;
        }
        let rest = self.take_rest(&mut operations);
        let mut answers = self.commit_at_once(operations);
        self.wakes.wake_all();
        let change = self.wakes.woken();
        let idle = self.without_work(&rest.released);
        if idle.is_empty() {
            let_others_run().await;
        } else {
            timeout(PATIENCE, change).await.ok();
        }
        self.commit_rest(rest, &mut answers);
        self.forget_arrivals(&idle);
        self.wakes.wake_all();
        answers
    }

    /// Removes what starts are to take the place of; whether there was anything.
    fn remove_replaced(&self, operations: &[Commit]) -> bool {
        let Ok(mut state) = self.enter("commit") else {
            return false;
        };
        let mut has_removed = false;
        for operation in operations {
            if let Commit::Send(envelope) = operation
                && let Some(newborn) = envelope.recipient.created()
                && state.is_replaced(newborn, envelope.message.id.incarnation())
            {
                state.remove(&newborn.instance);
                has_removed = true;
            }
        }
        has_removed
    }

    /// Takes from a batch what its second half does.
    fn take_rest(&self, operations: &mut [Commit]) -> Rest {
        let mut rest = Rest::default();
        for (member, operation) in operations.iter_mut().enumerate() {
            if self.has(Defect::SendsLater) {
                let envelopes = take_envelopes(operation).into_iter();
                rest.envelopes
                    .extend(envelopes.map(|envelope| (member, envelope)));
            }
            let Commit::Turn(turn) = operation else {
                continue;
            };
            if self.has(Defect::ConsumesLater) {
                let consumed = std::mem::take(&mut turn.consumed);
                rest.consumed
                    .push((member, turn.instance.clone(), consumed));
            }
            if self.has(Defect::ValuesComeLater) {
                let values = std::mem::take(&mut turn.values);
                let of_turn = (turn.instance.clone(), turn.commit_id, values);
                rest.values.push((member, of_turn));
            }
            if self.has(Defect::ReleaseRacesWithSends) {
                rest.released.push(turn.instance.clone());
            }
        }
        rest
    }

    fn commit_rest(&self, rest: Rest, answers: &mut Answers) {
        let Ok(mut state) = self.enter("commit") else {
            return;
        };
        for (member, id, consumed) in rest.consumed {
            if let (true, Some(instance)) = (
                is_applied(answers.get(member)),
                state.instances.get_mut(&id),
            ) {
                for message in consumed {
                    instance.inbox.remove(message);
                }
                state.refresh(&id);
            }
        }
        for (member, (id, version, values)) in rest.values {
            if is_applied(answers.get(member)) {
                state.write_values(&id, version, values);
            }
        }
        for (member, envelope) in rest.envelopes {
            let messages_dropped = match answers.get_mut(member) {
                Some(Ok(Committed::Turn(turn))) if !turn.repeated => &mut turn.messages_dropped,
                Some(Ok(Committed::Activity { messages_dropped })) => messages_dropped,
                _ => continue,
            };
            *messages_dropped += state.send(envelope);
        }
    }

    /// Those of these instances that have nothing in their inbox now.
    fn without_work(&self, instances: &[InstanceId]) -> Vec<InstanceId> {
        let Ok(state) = self.enter("commit") else {
            return Vec::new();
        };
        let is_idle = |id: &&InstanceId| {
            let instance = state.instances.get(id);
            instance.is_some_and(|it| it.claimable_from_ms().is_none())
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

    /// Whether claims come in two halves.
    pub(crate) fn tears_claims(&self) -> bool {
        self.has(Defect::ClaimsFromASnapshot) || self.has(Defect::InboxFromASnapshot)
    }

    /// Looks, lets others run, and leases or returns what it saw.
    pub(crate) async fn claim_turns_torn(
        &self,
        request: &ClaimTurns,
    ) -> Result<Claimed<Turn>, ProviderError> {
        let change = self.wakes.woken();
        let (seen, mut inboxes) = {
            let state = self.enter("claim_turns")?;
            (state.due_turns(request), state.visible_messages(request))
        };
        if self.has(Defect::ClaimsFromASnapshot) {
            yield_often().await;
            return Ok(self.enter("claim_turns")?.lease_turns(seen, request));
        }
        timeout(PATIENCE, change).await.ok();
        let mut state = self.enter("claim_turns")?;
        let mut claimed = state.claim_turns(request)?;
        for turn in &mut claimed.items {
            if let Some(messages) = inboxes.remove(&turn.lease.instance) {
                turn.messages = messages;
            }
        }
        Ok(claimed)
    }
}

/// Whether a turn was applied, and not only repeated.
fn is_applied(answer: Option<&Result<Committed, ProviderError>>) -> bool {
    matches!(answer, Some(Ok(Committed::Turn(turn))) if !turn.repeated)
}

/// Takes the messages out of an operation that does something else as well.
fn take_envelopes(operation: &mut Commit) -> Vec<Envelope> {
    match operation {
        Commit::Turn(turn) => std::mem::take(&mut turn.messages),
        Commit::Activity(outcome) => {
            let key = &outcome.lease.key;
            let to_scheduler = outcome.message.take().map(|message| Envelope {
                recipient: Recipient::Instance {
                    instance: key.instance.clone(),
                    incarnation: Some(key.incarnation),
                },
                delay: Duration::ZERO,
                message,
            });
            to_scheduler.into_iter().collect()
        }
        Commit::Send(_) => Vec::new(),
    }
}

impl State {
    /// What a claim would return of each instance that has a visible message.
    fn visible_messages(&self, request: &ClaimTurns) -> BTreeMap<InstanceId, Vec<Delivery>> {
        let visible = self.instances.values().map(|instance| {
            let inbox = &instance.inbox;
            let messages = inbox.due(Extent {
                due_ms: self.now_ms,
                messages_max: request.messages_max,
                bytes_max: request.bytes_max,
                control_only: instance.head.suspended,
            });
            (instance.head.instance.clone(), messages)
        });
        visible
            .filter(|(_, messages)| !messages.is_empty())
            .collect()
    }
}

async fn let_others_run() {
    // However late its polls come, whoever drops a commit after a few of them does so within it.
    yield_often().await;
    timeout(PAUSE, pending::<()>()).await.ok();
}

async fn yield_often() {
    for _ in 0..YIELDS {
        yield_now().await;
    }
}
