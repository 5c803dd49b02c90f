//! What a later duroxide has stored, met by a node that is not updated yet.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew,
    Renewal, Turn, Watch,
};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use tokio::sync::Notify;

use crate::support::{Text, World, checked, giving_back, no_activities, until, within};

/// The later format of stored bytes, as far as a node of this version can tell.
type Later = fn(&Bytes) -> Bytes;

/// A store as a node sees it that is older than what is stored there.
#[derive(Debug)]
struct SeenByAnOldNode {
    inner: Arc<MemoryProvider>,
    later: Later,
}

#[async_trait]
impl Provider for SeenByAnOldNode {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        self.inner.claim_turns(request).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let mut claimed = self.inner.claim_activities(request).await?;
        for activity in &mut claimed.items {
            activity.body = (self.later)(&activity.body);
        }
        Ok(claimed)
    }

    async fn wait_for_work(&self, queues: &Queues, max: Duration) -> Result<(), ProviderError> {
        self.inner.wait_for_work(queues, max).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        self.inner.commit(operations).await
    }

    async fn renew(&self, leases: &[Renew], by: Duration) -> Vec<Result<Renewal, ProviderError>> {
        self.inner.renew(leases, by).await
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        self.inner.release(releases).await
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let mut page = self.inner.read_history(request).await?;
        for chunk in &mut page.chunks {
            chunk.body = (self.later)(&chunk.body);
        }
        Ok(page)
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        self.inner.read_mail(request).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        self.inner.read_values(request).await
    }

    async fn read_head(&self, id: &InstanceId) -> Result<Option<InstanceHead>, ProviderError> {
        self.inner.read_head(id).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.inner.wait_for_change(watched, max).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.inner.maintain(budget).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self.inner.admin()
    }
}

/// The frame says another format version.
fn another_format(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    bytes[1] += 1;
    bytes.into()
}

/// This version's frame around text that says something else.
fn saying(body: &Bytes, known: &str, unknown: &str) -> Bytes {
    let json = String::from_utf8(body[6..].to_vec()).unwrap();
    let json = json.replace(known, unknown);
    let mut bytes = body[..2].to_vec();
    bytes.extend(crc32fast::hash(json.as_bytes()).to_le_bytes());
    bytes.extend(json.as_bytes());
    bytes.into()
}

fn another_kind_of_event(body: &Bytes) -> Bytes {
    saying(body, "ExternalSubscribed", "ExternalPolled")
}

fn another_field(body: &Bytes) -> Bytes {
    saying(body, "\"name\":", "\"qualified_name\":")
}

fn code() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Wait", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Go").into_event().await)
        })
        .register("Work", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_activity("Step", "").into_activity().await
        })
        .build()
}

fn done() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Step", |_: ActivityContext, _: String| async move {
            Ok("done".to_owned())
        })
        .build()
}

/// Lets an old node look at an instance more often than anything may fail.
async fn an_old_node_gives_it_back(store: &Arc<MemoryProvider>, later: Later) {
    let seen = SeenByAnOldNode {
        inner: Arc::clone(store),
        later,
    };
    let options = RuntimeOptions {
        max_attempts: 2,
        ..giving_back(Duration::from_millis(1))
    };
    let old = World::start(Arc::new(seen), done(), code(), options).await;
    until("the work is given back", async || {
        let metrics = old.runtime.metrics_snapshot().unwrap();
        (metrics.given_back_newer_format >= 10).then_some(())
    })
    .await;
    old.assert_running("i").await;
    old.shutdown().await;
}

/// A node that knows all of it.
async fn a_new_node(store: &Arc<MemoryProvider>, activities: ActivityRegistry) -> World {
    let options = RuntimeOptions {
        max_attempts: 2,
        ..checked()
    };
    let provider = Arc::<MemoryProvider>::clone(store);
    World::start(provider, activities, code(), options).await
}

#[tokio::test]
async fn a_history_of_a_later_version_waits_for_a_later_node() {
    for later in [another_format as Later, another_kind_of_event] {
        let store = Arc::new(MemoryProvider::new());
        let first = a_new_node(&store, no_activities()).await;
        first.begin("i", "Wait", "").await;
        first.waits_for("i", "Go").await;
        first.shutdown().await;
        let client = duroxide::Client::new(Arc::<MemoryProvider>::clone(&store));
        client.raise_event("i", "Go", "on").await.unwrap();

        an_old_node_gives_it_back(&store, later).await;

        let new = a_new_node(&store, no_activities()).await;
        assert_eq!(new.output("i").await, "on");
        new.shutdown().await;
    }
}

#[tokio::test]
async fn an_activity_of_a_later_version_waits_for_a_later_node() {
    for later in [another_format as Later, another_field] {
        let store = Arc::new(MemoryProvider::new());
        let started = Arc::new(Notify::new());
        let tell = Arc::clone(&started);
        let hanging = ActivityRegistry::builder()
            .register("Step", move |_: ActivityContext, _: String| {
                tell.notify_one();
                std::future::pending::<Text>()
            })
            .build();
        let first = a_new_node(&store, hanging).await;
        first.begin("i", "Work", "").await;
        within("the start of the activity", started.notified()).await;
        // It is given back.
        within("an abort", first.runtime.shutdown(Some(0))).await;

        an_old_node_gives_it_back(&store, later).await;

        let new = a_new_node(&store, done()).await;
        assert_eq!(new.output("i").await, "done");
        new.shutdown().await;
    }
}
