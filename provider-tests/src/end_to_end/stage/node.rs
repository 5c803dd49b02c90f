//! A runtime at work on the store.

use std::sync::Arc;

use duroxide_core::providers::InstanceId;
use duroxide_core::runtime::{Runtime, RuntimeOptions};

use super::code::Registered;
use super::process::Process;
use super::{LEASE, within};
use crate::support::Cx;

/// The real time that a node gets to finish what it has in hand. What the cases leave in its hands
/// does not end by itself, so that more would be waste.
const SHUTDOWN_PATIENCE_MS: u64 = 50;

/// How a node works.
pub(crate) struct Habits {
    /// The settings of its runtime.
    pub(crate) options: RuntimeOptions,
    /// An instance whose turns kill its process, just before they are committed.
    pub(crate) deadly: Option<InstanceId>,
}

impl Habits {
    /// What the nodes of the suite have in common: every turn is compared with a replay.
    pub(super) fn of(cx: &Cx) -> Self {
        Self {
            options: RuntimeOptions {
                shadow_replay: true,
                clock: cx.clock(),
                orchestrator_lock_timeout: LEASE,
                worker_lock_timeout: LEASE,
                ..RuntimeOptions::default()
            },
            deadly: None,
        }
    }
}

/// A runtime in a process of its own, as far as the store can tell. One that is dropped ends by
/// itself.
pub(crate) struct Node {
    runtime: Arc<Runtime>,
    process: Arc<Process>,
}

impl Node {
    pub(super) async fn start(cx: &Cx, code: Registered, habits: Habits) -> Self {
        let Habits { options, deadly } = habits;
        let process = Arc::new(Process::new(cx.shared_provider(), deadly));
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
        let shutdown = self.runtime.shutdown(Some(SHUTDOWN_PATIENCE_MS));
        within("a shutdown", shutdown).await;
    }

    /// Lets the node do what it has, and take on no further turns.
    pub(crate) fn refuse_turns(&self) {
        self.process.refuse_turns();
    }

    /// Stops the process where it stands: it has no share in what happens until it goes on, and
    /// does not know that it has none.
    pub(crate) fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets a frozen process go on as if no time had passed.
    pub(crate) fn thaw(&self) {
        self.process.thaw();
    }

    /// Waits until the process has died of a deadly instance.
    pub(crate) async fn dies(self) {
        within("the death of a process", self.process.death()).await;
        self.kill().await;
    }

    /// Kills the process: from now on nothing it does reaches the store, its leases stay, and the
    /// users' code ends where it stands.
    pub(crate) async fn kill(self) {
        self.process.die();
        within("an abort", self.runtime.shutdown(Some(0))).await;
    }
}
