//! A batch of commits.

use duroxide_core::providers::{Commit, Committed, ProviderError, check};

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
            Self::Activity(outcome) => activity::finish(session, outcome),
            Self::Send(envelope) => {
                message::send_from_client(session, envelope).map(|()| Committed::Sent)
            }
        }
    }
}

impl SqliteProvider {
    pub(crate) async fn commit_batch(&self, operations: Vec<Commit>) -> Vec<Answer> {
        let refusals = check::batch(&self.store.setup.options.limits, &operations);
        let members = operations.into_iter().zip(&refusals);
        let accepted = members.filter(|(_, refusal)| refusal.is_none());
        let accepted = accepted.map(|(operation, _)| operation).collect();
        let mut answers = self.submit(accepted).await.into_iter();
        // Those that were refused keep their places among the answers.
        refusals
            .into_iter()
            .filter_map(|refusal| refusal.map_or_else(|| answers.next(), |it| Some(Err(it))))
            .collect()
    }
}
