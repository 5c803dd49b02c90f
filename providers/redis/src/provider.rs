//! The provider itself: what callers hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew,
    Renewal, Turn, Watch,
};

use crate::access::Access;
use crate::engine::Engine;
use crate::options::RedisOptions;
use crate::server::Server;
use crate::setup::Setup;
use crate::warning::Warnings;

/// How often `maintain` wants to be called while there is nothing for it to do.
const MAINTAIN_INTERVAL: Duration = Duration::from_secs(60);

/// A provider that keeps everything under one key prefix of a Redis server or Cluster.
pub struct RedisProvider {
    pub(crate) setup: Arc<Setup>,
    engine: Arc<Engine>,
    server: Server,
    warnings: Warnings,
}

impl RedisProvider {
    /// Opens a store, which is there as soon as something is written to it.
    ///
    /// The url is `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://` for TLS. Of a Cluster it lists
    /// some servers, as `redis://HOST:PORT,HOST:PORT`; one of them is enough.
    /// `redis+sentinel://HOST,HOST/NAME` is the primary that these sentinels know by this name.
    ///
    /// # Errors
    /// `Config` for a url, a server, a user or a setting that cannot work; `Unavailable` where trying
    /// again can help.
    pub async fn new(url: &str, options: Option<RedisOptions>) -> Result<Self, ProviderError> {
        let access = Access::new(url, options.unwrap_or_default())?;
        let (engine, setup, mut server) = Engine::start(access).await?;
        let warnings = std::mem::take(&mut server.warnings);
        Ok(Self {
            setup,
            engine: Arc::new(engine),
            server,
            warnings: Warnings::of_opening(warnings),
        })
    }

    /// How many commands were sent to the server so far, for measurements.
    #[must_use]
    pub fn commands_sent(&self) -> u64 {
        self.setup.access.calls()
    }

    /// What kills it, also after it was dropped, when it still brings to its end what was begun.
    #[cfg(feature = "conformance")]
    pub(crate) fn killer(&self) -> Killer {
        Killer {
            setup: Arc::clone(&self.setup),
            engine: Arc::clone(&self.engine),
        }
    }
}

/// Ends a provider as the kill of its process does.
#[cfg(feature = "conformance")]
pub(crate) struct Killer {
    setup: Arc<Setup>,
    engine: Arc<Engine>,
}

#[cfg(feature = "conformance")]
impl fmt::Debug for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Killer")
    }
}

#[cfg(feature = "conformance")]
impl Killer {
    /// Ends everything: what is queued is not done, and the server is told nothing.
    pub(crate) async fn kill(&self) {
        self.setup.death.notify_one();
        self.engine.ended().await;
    }
}

impl Drop for RedisProvider {
    fn drop(&mut self) {
        self.setup.close();
    }
}

impl fmt::Debug for RedisProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisProvider")
            .field("at", &self.setup.access.location.server)
            .field("options", &self.setup.access.options)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for RedisProvider {
    fn about(&self) -> ProviderInfo {
        ProviderInfo {
            name: "redis",
            version: env!("CARGO_PKG_VERSION"),
            backend: self.server.version.clone(),
            contract: ProviderInfo::CONTRACT,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::volatile();
        capabilities.durability = self.server.durability;
        capabilities.multi_process = true;
        capabilities.atomic_delivery = self.setup.partitions.count() == 1;
        capabilities.limits = self.setup.access.options.limits;
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        self.warnings.tell();
        self.claim_turns_of(request).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        self.warnings.tell();
        self.claim_activities_of(request).await
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        self.wait_until_claimable(queues, max_wait).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        self.commit_batch(operations).await
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        self.renew_each(leases, extend_by).await
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        self.release_each(&releases).await
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        self.history(request).await
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        self.mail(request).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        self.values(request).await
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        self.head(instance).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.wait_until_changed(watched, max_wait).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.warnings.tell();
        let (is_left, next_round) = tokio::join!(self.sweep(budget), self.relay(budget));
        let (is_left, next_round) = (is_left?, next_round?);
        Ok(Some(if is_left {
            Duration::ZERO
        } else {
            next_round.min(MAINTAIN_INTERVAL)
        }))
    }

    async fn close(&self) {
        self.setup.close();
        self.engine.ended().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }
}
