//! What is queued in a store, which only claiming shows.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{ActivityKey, InstanceId, Message, TaskQueue};

use super::{Cx, LEASE, SECOND};

/// Longer than the leases and delays of the cases that make a dump.
const EVERYTHING_IS_DUE: Duration = LEASE.saturating_add(SECOND.saturating_mul(5));

/// Everything that was queued, without what is random or a time.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Dump {
    /// By instance: its attempt and its messages in order.
    pub(crate) turns: BTreeMap<InstanceId, (u32, Vec<Message>)>,
    /// By key: queue, attempt and body.
    pub(crate) activities: BTreeMap<ActivityKey, (TaskQueue, u32, Bytes)>,
}

impl Cx {
    /// Lets every lease and delay pass and claims whatever there is in the default queues and the
    /// queues `gpu`. The store is of little use afterwards.
    pub(crate) async fn dump(&self) -> Dump {
        self.elapse(EVERYTHING_IS_DUE).await;
        let mut dump = Dump::default();
        loop {
            let turns = self.claim_in(&[TaskQueue::DEFAULT, "gpu"], 100).await.items;
            if turns.is_empty() {
                break;
            }
            for turn in turns {
                let messages = turn.messages.into_iter().map(|it| it.message);
                let queued = (turn.attempt, messages.collect());
                let before = dump.turns.insert(turn.head.instance.clone(), queued);
                assert_eq!(before, None, "{} is leased already", turn.head.instance);
            }
        }
        loop {
            let activities = self
                .work_in(&[TaskQueue::DEFAULT, "gpu"], 1_000)
                .await
                .items;
            if activities.is_empty() {
                return dump;
            }
            for activity in activities {
                let queued = (activity.queue, activity.attempt, activity.body);
                let before = dump.activities.insert(activity.lease.key.clone(), queued);
                assert_eq!(before, None, "{} is leased already", activity.lease.key);
            }
        }
    }

    /// The ids of all messages of one instance, in order, made visible by the passing of time.
    pub(crate) async fn inbox(&self, instance: &str) -> Vec<Message> {
        let mut dump = self.dump().await;
        dump.turns
            .remove(instance)
            .map_or_else(Vec::new, |(_, messages)| messages)
    }
}
