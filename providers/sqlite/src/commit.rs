//! A batch of commits.

use duroxide_core::providers::{Commit, Committed, Fence, LeaseAfterCommit, ProviderError, check};

use crate::error::Applied;
use crate::job::{Access, Member};
use crate::provider::SqliteProvider;
use crate::session::Session;
use crate::{activity, message, turn};

type Answer = Result<Committed, ProviderError>;

impl Member for Commit {
    type Answer = Committed;
    const OPERATION: &'static str = "commit";
    const ACCESS: Access = Access::Durable;

    fn bytes(&self) -> usize {
        check::commit_bytes(self)
    }

    fn apply(&self, session: &mut Session) -> Applied<Committed> {
        match self {
            Self::Turn(turn) => turn::commit(session, turn).map(Committed::Turn),
            Self::Activity(outcome) => activity::finish(session, outcome)
                .map(|undelivered| Committed::Activity { undelivered }),
            Self::Send(envelope) => {
                message::send_from_client(session, envelope).map(|()| Committed::Sent)
            }
        }
    }
}

impl SqliteProvider {
    pub(crate) async fn commit_batch(&self, operations: Vec<Commit>) -> Vec<Answer> {
        let refusals = check::batch(&self.store.setup.options.limits, &operations);
        let mut refused = Vec::new();
        let mut accepted = Vec::with_capacity(operations.len());
        for (place, (operation, refusal)) in operations.into_iter().zip(refusals).enumerate() {
            match refusal {
                Some(error) => refused.push((place, Err(error))),
                None => accepted.push((place, operation)),
            }
        }
        // One that wants to keep its lease must see what else the batch sends (COM-06, LEA-09).
        accepted.sort_by_key(|(_, operation)| keeps_lease(operation));
        let (places, accepted): (Vec<_>, Vec<_>) = accepted.into_iter().unzip();
        let answers = self.submit(accepted).await;
        let mut placed: Vec<(usize, Answer)> = places.into_iter().zip(answers).collect();
        placed.extend(refused);
        placed.sort_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, answer)| answer).collect()
    }
}

fn keeps_lease(operation: &Commit) -> bool {
    match operation {
        Commit::Turn(turn) => {
            matches!(turn.lease, LeaseAfterCommit::Keep(_))
                && matches!(turn.fence, Fence::At { .. })
        }
        Commit::Activity(_) | Commit::Send(_) => false,
    }
}
