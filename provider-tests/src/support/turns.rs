//! Claiming, committing, renewing and releasing turns.

use std::time::Duration;

use duroxide_core::providers::{
    ClaimTurns, Claimed, Commit, Committed, ErrorKind, Incarnation, InstanceHead, Lease, Position,
    ProviderError, Release, ReleasedAttempts, Renewal, TaskQueue, Turn, TurnCommit, TurnCommitted,
};

use super::{Cx, LEASE, TurnBuilder, id, refused};

/// More messages than any case sends to one instance.
const MESSAGES_MAX: usize = 10_000;
/// More bytes than any case sends to one instance.
const BYTES_MAX: usize = 1 << 30;

/// A request for so many turns, each with all of its messages.
fn request(turns_max: usize) -> ClaimTurns {
    ClaimTurns {
        messages_max: MESSAGES_MAX,
        bytes_max: BYTES_MAX,
        total_bytes_max: BYTES_MAX,
        ..ClaimTurns::new(vec![TaskQueue::default()], turns_max, LEASE)
    }
}

impl Cx {
    pub(crate) async fn claim_with(&self, request: &ClaimTurns) -> Claimed<Turn> {
        self.settle().await;
        let claimed = self
            .provider()
            .claim_turns(request)
            .await
            .expect("a claim of turns succeeds");
        assert!(claimed.items.len() <= request.turns_max, "CLM-08");
        claimed
    }

    /// Claims up to so many turns of these queues with all of their messages.
    pub(crate) async fn claim_in(&self, queues: &[&str], turns_max: usize) -> Claimed<Turn> {
        let request = ClaimTurns {
            queues: queues.iter().map(|name| TaskQueue::from(*name)).collect(),
            ..request(turns_max)
        };
        self.claim_with(&request).await
    }

    /// Claims up to so many turns with all of their messages.
    pub(crate) async fn claim(&self, turns_max: usize) -> Vec<Turn> {
        self.claim_with(&request(turns_max)).await.items
    }

    /// Claims the turn of this instance, which must be the only one there is.
    pub(crate) async fn claim_only(&self, instance: &str) -> Turn {
        let mut turns = self.claim(2).await;
        let names: Vec<_> = turns
            .iter()
            .map(|turn| turn.head.instance.clone())
            .collect();
        assert_eq!(names, [id(instance)], "exactly this instance is claimable");
        turns.remove(0)
    }

    /// Claims the turn of this instance, the only one there is, with so many messages at most.
    pub(crate) async fn claim_messages(&self, instance: &str, messages_max: usize) -> Turn {
        let request = ClaimTurns {
            messages_max,
            ..request(2)
        };
        let mut claimed = self.claim_with(&request).await.items;
        assert_eq!(claimed.len(), 1, "exactly this instance is claimable");
        assert_eq!(claimed[0].head.instance, id(instance));
        claimed.remove(0)
    }

    /// Checks that no turn is claimable.
    pub(crate) async fn claim_nothing(&self) {
        assert_eq!(self.claim(2).await, [], "nothing is claimable");
    }

    /// Checks that a claim of one turn says so much in `more`, and returns the turn.
    pub(crate) async fn claim_first(&self, more: bool) -> Turn {
        let mut claimed = self.claim_with(&request(1)).await;
        assert_eq!(claimed.more, more, "whether others were claimable");
        assert_eq!(claimed.items.len(), 1);
        claimed.items.remove(0)
    }

    /// The turn's commit as a runtime would write it, before it did anything: what was claimed is
    /// consumed, the lease ends.
    pub(crate) fn turn(&self, turn: &Turn) -> TurnBuilder {
        TurnBuilder::of(turn, self.commit_id())
    }

    /// The commit of a turn that nobody has claimed, by somebody who knows the head.
    pub(crate) fn unleased(&self, head: &InstanceHead) -> TurnBuilder {
        TurnBuilder::after(head, self.commit_id())
    }

    /// The commit that creates an instance without a message.
    pub(crate) fn creation(&self, instance: &str) -> TurnBuilder {
        let incarnation = Incarnation(self.unique());
        TurnBuilder::creating(id(instance), incarnation, self.commit_id())
    }

    pub(crate) async fn try_turn(
        &self,
        turn: impl Into<TurnCommit>,
    ) -> Result<TurnCommitted, ProviderError> {
        self.commit(Commit::Turn(turn.into()))
            .await
            .map(turn_answer)
    }

    pub(crate) async fn apply(&self, turn: impl Into<TurnCommit>) -> TurnCommitted {
        let committed = self.try_turn(turn).await.expect("the turn is valid");
        assert!(!committed.repeated, "this is its first time");
        committed
    }

    /// Commits a turn that must be refused for this reason.
    pub(crate) async fn refuse(
        &self,
        turn: impl Into<TurnCommit>,
        kind: ErrorKind,
    ) -> ProviderError {
        refused(self.try_turn(turn).await, kind)
    }

    /// Starts an instance and commits a first turn of one event: nothing is claimable afterwards.
    pub(crate) async fn running(&self, instance: &str) -> InstanceHead {
        self.start(instance).await;
        let turn = self.claim_only(instance).await;
        self.apply(self.turn(&turn).append(1)).await;
        self.head(instance).await
    }

    /// Sends a message to an instance and claims the turn: how to get a lease.
    pub(crate) async fn poke_and_claim(&self, instance: &str) -> Turn {
        self.poke(instance).await;
        self.claim_only(instance).await
    }

    pub(crate) async fn head(&self, instance: &str) -> InstanceHead {
        self.head_if_any(instance)
            .await
            .expect("the instance exists")
    }

    pub(crate) async fn head_if_any(&self, instance: &str) -> Option<InstanceHead> {
        self.provider()
            .read_head(&id(instance))
            .await
            .expect("a read of a head succeeds")
    }

    pub(crate) async fn position(&self, instance: &str) -> Position {
        self.head(instance).await.position
    }

    pub(crate) async fn renew(&self, lease: Lease, by: Duration) -> Renewal {
        let mut answers = self.provider().renew(&[lease.into()], by).await;
        assert_eq!(answers.len(), 1, "each member has one answer");
        answers
            .remove(0)
            .expect("a renewal answers what became of it")
    }

    pub(crate) async fn try_release(&self, release: Release) -> Result<(), ProviderError> {
        let mut answers = self.provider().release(vec![release]).await;
        assert_eq!(answers.len(), 1, "each member has one answer");
        answers.remove(0)
    }

    /// Releases a lease that is held, the attempt counting.
    pub(crate) async fn release(&self, lease: Lease, delay: Duration) {
        self.try_release(Release::new(lease, delay, ReleasedAttempts::Keep))
            .await
            .expect("the lease is held");
    }
}

/// The answer to a turn, which must be of its variant.
#[track_caller]
pub(crate) fn turn_answer(committed: Committed) -> TurnCommitted {
    match committed {
        Committed::Turn(committed) => committed,
        Committed::Activity { .. } | Committed::Sent => {
            panic!("a turn was answered with {committed:?}")
        }
    }
}
