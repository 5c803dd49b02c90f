//! A store for the tests of the runtime.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use uuid::Uuid;

use super::RuntimeOptions;
use super::committer;
use super::node::{Node, NodeParts};
use super::registry::{ActivityRegistry, OrchestrationRegistry};
use super::served_queues::ServedQueues;
use crate::clock::ManualClock;
use crate::message::{ActivityBody, MessageBody};
use crate::providers::{
    ActivityKey, ActivityLease, Capabilities, ClaimActivities, ClaimTurns, Claimed,
    ClaimedActivity, Commit, Committed, HistoryPage, Incarnation, InstanceHead, InstanceId,
    InstanceValue, LeaseToken, MailPage, Provider, ProviderAdmin, ProviderError, ProviderInfo,
    Queues, ReadHistory, ReadMail, ReadValues, Release, Renew, Renewal, TaskQueue, Turn, Watch,
};

/// A store with a single activity, or none. It remembers the outcomes that it is told and what is
/// given back.
#[derive(Debug, Default)]
pub(super) struct OneActivity {
    to_claim: Mutex<Option<ClaimedActivity>>,
    pub(super) outcomes: Mutex<Vec<MessageBody>>,
    pub(super) released: Mutex<Vec<Release>>,
    told: Notify,
}

/// The second event of an execution, as an activity.
pub(super) fn key(instance: &str, execution: u64) -> ActivityKey {
    ActivityKey {
        instance: InstanceId::new(instance).unwrap(),
        incarnation: Incarnation(Uuid::nil()),
        execution,
        activity_id: 2,
    }
}

/// An activity as its first claim brings it.
pub(super) fn claimed(key: ActivityKey, body: &ActivityBody) -> ClaimedActivity {
    ClaimedActivity {
        lease: ActivityLease {
            key,
            token: LeaseToken(Uuid::nil()),
        },
        queue: TaskQueue::default(),
        attempt: 1,
        body: body.encode(),
        details: None,
    }
}

/// A node without code, which claims nothing by itself.
pub(super) fn idle_node(clock: &ManualClock) -> Arc<Node> {
    let options = RuntimeOptions {
        clock: Arc::new(clock.clone()),
        worker_node_id: Some("a node".to_owned()),
        ..RuntimeOptions::default()
    };
    let (node, _) = Node::new(NodeParts {
        store: Arc::new(OneActivity::default()),
        activities: Arc::new(ActivityRegistry::builder().build()),
        orchestrations: OrchestrationRegistry::builder().build(),
        queues: ServedQueues::of(&options).unwrap(),
        options,
        committer: committer::channel().0,
        user: Handle::current(),
        service: Handle::current(),
    });
    node
}

impl OneActivity {
    pub(super) fn with_limits(
        start_to_close_ms: Option<u64>,
        heartbeat_ms: Option<u64>,
    ) -> Arc<Self> {
        let body = ActivityBody {
            name: "Work".to_owned(),
            input: String::new(),
            orchestration: "Order".to_owned(),
            version: "1.0.0".to_owned(),
            start_to_close_ms,
            heartbeat_ms,
        };
        let key = key("i", 1);
        let claimed = claimed(key, &body);
        Arc::new(Self {
            to_claim: Mutex::new(Some(claimed)),
            ..Self::default()
        })
    }

    pub(super) async fn first_outcome(&self) -> MessageBody {
        loop {
            let outcome = self.outcomes.lock().first().cloned();
            match outcome {
                Some(outcome) => return outcome,
                None => self.told.notified().await,
            }
        }
    }
}

#[async_trait]
impl Provider for OneActivity {
    fn about(&self) -> ProviderInfo {
        ProviderInfo {
            name: "one activity",
            version: "1",
            backend: "a test".to_owned(),
            contract: ProviderInfo::CONTRACT,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::volatile()
    }

    async fn claim_turns(&self, _: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        Ok(Claimed::default())
    }

    async fn claim_activities(
        &self,
        _: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        Ok(Claimed {
            items: self.to_claim.lock().take().into_iter().collect(),
            ..Claimed::default()
        })
    }

    async fn wait_for_work(&self, _: &Queues, _: Duration) -> Result<(), ProviderError> {
        std::future::pending().await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let told = |operation| {
            let Commit::Activity(outcome) = operation else {
                panic!("an activity has an outcome and nothing else")
            };
            let body: Bytes = outcome.message.unwrap().body;
            let body = MessageBody::decode(&body).unwrap();
            self.outcomes.lock().push(body);
            Ok(Committed::Activity {
                messages_dropped: 0,
            })
        };
        let answers = operations.into_iter().map(told).collect();
        self.told.notify_one();
        answers
    }

    async fn renew(&self, leases: &[Renew], _: Duration) -> Vec<Result<Renewal, ProviderError>> {
        leases.iter().map(|_| Ok(Renewal::Renewed)).collect()
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let answers = releases.iter().map(|_| Ok(())).collect();
        self.released.lock().extend(releases);
        answers
    }

    async fn read_history(&self, _: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        Ok(HistoryPage::default())
    }

    async fn read_mail(&self, _: &ReadMail) -> Result<MailPage, ProviderError> {
        Ok(MailPage::default())
    }

    async fn read_values(&self, _: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        Ok(Vec::new())
    }

    async fn read_head(&self, _: &InstanceId) -> Result<Option<InstanceHead>, ProviderError> {
        Ok(None)
    }

    async fn wait_for_change(
        &self,
        _: &[Watch],
        _: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        std::future::pending().await
    }

    async fn maintain(&self, _: Duration) -> Result<Option<Duration>, ProviderError> {
        Ok(None)
    }

    async fn close(&self) {}

    fn admin(&self) -> &dyn ProviderAdmin {
        panic!("a runtime manages nothing")
    }
}
