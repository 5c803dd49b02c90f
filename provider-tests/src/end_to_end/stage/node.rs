//! A runtime at work on the store.

use std::sync::Arc;

use duroxide_core::providers::ErrorKind;
use duroxide_core::runtime::{
    Health, MetricsSnapshot, ObservabilityConfig, Runtime, RuntimeOptions,
};
use tokio::runtime::Handle;

use super::code::Registered;
use super::process::{Ailment, Fuse, Process};
use super::{LEASE, within};
use crate::support::Cx;

/// The real time that a node gets to finish what it has in hand. What the cases leave in its hands
/// does not end by itself, so that more would be waste.
const SHUTDOWN_PATIENCE_MS: u64 = 50;

/// How a node works.
pub(crate) struct Habits {
    /// The settings of its runtime.
    pub(crate) options: RuntimeOptions,
    /// What its process runs into, if anything.
    pub(crate) fuse: Option<Fuse>,
}

impl Habits {
    /// What the nodes of the suite have in common: every turn is compared with a replay.
    pub(super) fn of(cx: &Cx) -> Self {
        Self {
            options: RuntimeOptions {
                shadow_replay: true,
                clock: cx.clock(),
                orchestrator_lock_timeout: LEASE,
                observability: ObservabilityConfig {
                    metrics_enabled: true,
                    ..ObservabilityConfig::default()
                },
                worker_lock_timeout: LEASE,
                ..RuntimeOptions::default()
            },
            fuse: None,
        }
    }
}

/// A runtime in a process of its own, as far as the store can tell. The process of one that is
/// dropped dies.
pub(crate) struct Node {
    runtime: Arc<Runtime>,
    process: Arc<Process>,
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.process.is_cleared_away() {
            return;
        }
        // A runtime does not end with its handle.
        self.process.die();
        self.process.clear_away();
        if let Ok(executor) = Handle::try_current() {
            executor.spawn(Arc::clone(&self.runtime).shutdown(Some(0)));
        }
    }
}

impl Node {
    pub(super) async fn start(cx: &Cx, code: Registered, habits: Habits) -> Self {
        let Habits { options, fuse } = habits;
        let process = Arc::new(Process::new(cx.shared_provider(), fuse));
        let runtime = Runtime::start_with_options(
            Arc::clone(&process) as _,
            code.activities,
            code.orchestrations,
            options,
        )
        .await;
        Self { runtime, process }
    }

    /// Shuts the runtime down: it finishes what it can and gives the rest back.
    pub(crate) async fn stop(self) {
        self.stop_within(SHUTDOWN_PATIENCE_MS).await;
    }

    /// The same, with this patience.
    pub(crate) async fn stop_within(self, patience_ms: u64) {
        let shutdown = Arc::clone(&self.runtime).shutdown(Some(patience_ms));
        within("a shutdown", shutdown).await;
        self.process.clear_away();
    }

    /// Lets the node do what it has, and take on no further turns.
    pub(crate) fn refuse_turns(&self) {
        self.process.refuse_turns();
    }

    /// Lets the node take on turns again.
    pub(crate) fn take_turns(&self) {
        self.process.take_turns();
    }

    /// Makes every commit of this node fail, with nothing changed, as a store does whose password
    /// was changed.
    pub(crate) fn fail_commits(&self, kind: ErrorKind) {
        self.process.ail(Some(Ailment::Commits(kind)));
    }

    /// Makes this node see histories without their ends, as a replica shows them that lags behind.
    pub(crate) fn hide_histories(&self) {
        self.process.ail(Some(Ailment::Histories));
    }

    /// Ends what was wrong with the store.
    pub(crate) fn heal(&self) {
        self.process.ail(None);
    }

    /// How often the node was let down by its store.
    pub(crate) fn let_downs(&self) -> u64 {
        self.process.let_downs()
    }

    /// What the runtime says of its store.
    pub(crate) fn health(&self) -> Health {
        self.runtime.health()
    }

    /// What the runtime has done.
    pub(crate) fn metrics(&self) -> MetricsSnapshot {
        let metrics = self.runtime.metrics_snapshot();
        metrics.expect("the nodes of the suite count")
    }

    /// How often the node has stored what its activities say of their progress.
    pub(crate) fn details_stored(&self) -> u64 {
        self.process.details_stored()
    }

    /// Stops the process where it stands: it has no share in what happens until it goes on, and
    /// does not know that it has none.
    pub(crate) fn freeze(&self) {
        self.process.freeze();
    }

    /// Waits until the process stands still because of its fuse.
    pub(crate) async fn frozen(&self) {
        within("a freeze", self.process.frozen()).await;
    }

    /// Lets a frozen process go on as if no time had passed, until the store has answered what it
    /// had to commit.
    pub(crate) async fn thaw(&self) {
        within("the answer to a late commit", self.process.thaw()).await;
    }

    /// Waits until the process has died of its fuse.
    pub(crate) async fn dies(self) {
        within("the death of a process", self.process.death()).await;
        self.kill().await;
    }

    /// Kills the process: from now on nothing it does reaches the store, its leases stay, and the
    /// users' code ends where it stands.
    pub(crate) async fn kill(self) {
        self.process.die();
        self.process.clear_away();
        let shutdown = Arc::clone(&self.runtime).shutdown(Some(0));
        within("an abort", shutdown).await;
    }
}
