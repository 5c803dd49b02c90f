//! Claiming activities and reporting how they end.

use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    ActivityLease, ActivityOutcome, ClaimActivities, Claimed, ClaimedActivity, Commit, Committed,
    InstanceHead, LeaseToken, Message, ProviderError, TaskQueue,
};

use super::{Cx, LEASE};

impl Cx {
    pub(crate) async fn work_in(
        &self,
        queues: &[&str],
        activities_max: usize,
    ) -> Claimed<ClaimedActivity> {
        self.settle().await;
        let request = ClaimActivities::new(
            queues
                .iter()
                .map(|name| TaskQueue((*name).into()))
                .collect(),
            activities_max,
            LEASE,
        );
        let claimed = self
            .provider()
            .claim_activities(&request)
            .await
            .expect("a claim of activities succeeds");
        assert!(claimed.items.len() <= activities_max, "CLM-08");
        claimed
    }

    /// Claims up to so many activities of the default queue.
    pub(crate) async fn work(&self, activities_max: usize) -> Vec<ClaimedActivity> {
        self.work_in(&[TaskQueue::DEFAULT], activities_max)
            .await
            .items
    }

    /// Claims the only activity of the default queue.
    pub(crate) async fn work_only(&self) -> ClaimedActivity {
        let mut items = self.work(2).await;
        assert_eq!(items.len(), 1, "exactly one activity is claimable");
        items.remove(0)
    }

    pub(crate) async fn work_nothing(&self) {
        assert_eq!(self.work(2).await, [], "no activity is claimable");
    }

    /// Starts an instance whose first turn schedules activities 1 to so many; no turn is claimable
    /// afterwards.
    pub(crate) async fn running_with_activities(&self, instance: &str, count: u64) -> InstanceHead {
        self.start(instance).await;
        let turn = self.claim_only(instance).await;
        self.apply(self.turn(&turn).append(1).activities(1..=count))
            .await;
        self.head(instance).await
    }

    /// Reports the outcome of an activity, and returns how many messages were dropped.
    pub(crate) async fn try_finish(
        &self,
        lease: &ActivityLease,
        message: Option<Message>,
    ) -> Result<usize, ProviderError> {
        let outcome = ActivityOutcome {
            lease: lease.clone(),
            message,
        };
        self.commit(Commit::Activity(outcome))
            .await
            .map(|committed| match committed {
                Committed::Activity { messages_dropped } => messages_dropped,
                Committed::Turn(_) | Committed::Sent => {
                    panic!("an outcome was answered with {committed:?}")
                }
            })
    }

    /// Reports the outcome of an activity, and returns the message that it sent.
    pub(crate) async fn finish(&self, lease: &ActivityLease) -> Message {
        let message = self.message_to_execution(lease.key.execution);
        let messages_dropped = self
            .try_finish(lease, Some(message.clone()))
            .await
            .expect("the lease is held");
        assert_eq!(messages_dropped, 0, "the instance is there");
        message
    }
}

/// A proof that nobody was given.
pub(crate) fn random_token() -> LeaseToken {
    Entropy.lease_token()
}
