//! The comparison of a turn with a replay, while somebody else has gone on.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::event::{Entry, encode_chunk};
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew,
    Renewal, Turn, Watch,
};

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, EventKind, OrchestrationContext, OrchestrationRegistry, RetryPolicy,
};

use duroxide_provider_tests::{Effect, Fault, Faulty, Operation, When};

use crate::support::{World, checked, no_activities, waiting_twice};

/// A store in which another node is always a turn ahead: whoever reads a history reads an event more
/// than there was when the turn began.
#[derive(Debug, Default)]
struct Ahead {
    inner: MemoryProvider,
    is_ahead: AtomicBool,
}

#[async_trait]
impl Provider for Ahead {
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
        self.inner.claim_activities(request).await
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
        if self.is_ahead.load(Ordering::SeqCst)
            && let Some(last) = page.chunks.last()
        {
            let entry = Entry {
                event_id: last.next_event_id(),
                source_event_id: None,
                timestamp_ms: 0,
                message_id: None,
                kind: EventKind::ExternalEvent {
                    name: "Elsewhere".to_owned(),
                    data: String::new(),
                },
            };
            page.chunks.extend(encode_chunk(&[entry]));
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

/// A turn is compared with the history that it began with, and not with what a turn elsewhere has
/// added since. Whether it may be committed is the store's business.
#[tokio::test]
async fn what_another_turn_added_meanwhile_is_no_nondeterminism() {
    let store = Arc::new(Ahead::default());
    let provider = Arc::<Ahead>::clone(&store);
    let world = World::start(provider, no_activities(), waiting_twice(), checked()).await;
    world.begin("i", "Main", "").await;
    world.waits_for("i", "Go").await;
    store.is_ahead.store(true, Ordering::SeqCst);
    world.raise("i", "Go", "on").await;
    world.raise("i", "Go", "and on").await;
    assert_eq!(world.output("i").await, "on and on");
    world.shutdown().await;
}

/// Has this process run the scenario of the test that starts it, so that all it logs can be read.
const ON_ITS_OWN: &str = "DUROXIDE_TEST_ON_ITS_OWN";

/// Outcomes, timeouts and events come to an instance at the same time, and its histories are read
/// late, when they may have been extended.
async fn failing_activities_under_a_timeout_of_zero() {
    const INSTANCES: usize = 200;
    let activities = ActivityRegistry::builder()
        .register("Fail", |_: ActivityContext, _: String| async move {
            Err("it fails".to_owned())
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Main",
            |ctx: OrchestrationContext, input: String| async move {
                let policy = RetryPolicy::new(3)
                    .with_timeout(Duration::ZERO)
                    .with_retry_timeouts(input == "true");
                let failed = ctx.schedule_activity_with_retry("Fail", "", policy).await;
                Ok(failed.unwrap_err())
            },
        )
        .build();
    let store = Faulty::new(Arc::new(MemoryProvider::new())).with_faults([Fault {
        operation: Operation::ReadHistory,
        when: When::EveryNth(3),
        effect: Effect::Delay(Duration::from_millis(5)),
    }]);
    let world = World::start(Arc::new(store), activities, orchestrations, checked()).await;
    for number in 0..INSTANCES {
        let retries_timeouts = (number % 2 == 0).to_string();
        let instance = number.to_string();
        world.begin(&instance, "Main", &retries_timeouts).await;
    }
    for number in 0..INSTANCES {
        world
            .client
            .raise_event(number.to_string(), "Hurry", "")
            .await
            .ok();
    }
    for number in 0..INSTANCES {
        let error = world.output(&number.to_string()).await;
        assert!(
            ["it fails", "timeout: activity timed out"].contains(&&*error),
            "{error}"
        );
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_tells_of_nondeterminism_that_is_none() {
    if std::env::var_os(ON_ITS_OWN).is_some() {
        return failing_activities_under_a_timeout_of_zero().await;
    }
    let test = "shadow::no_log_tells_of_nondeterminism_that_is_none";
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ON_ITS_OWN, "1")
        .env("RUST_LOG", "info")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{log}");
    assert!(log.contains("logging to the console"), "{log}");
    let of_it = log.lines().find(|line| line.contains("nondeterminis"));
    assert_eq!(of_it, None);
}
