//! A runtime at work on the store.

use std::sync::Arc;

use duroxide_core::runtime::{Runtime, RuntimeOptions};

use super::code::Registered;
use super::process::Process;
use super::{LEASE, within};
use crate::support::Cx;

/// A runtime in a process of its own, as far as the store can tell. One that is dropped ends by
/// itself.
pub(crate) struct Node {
    runtime: Arc<Runtime>,
    process: Arc<Process>,
}

impl Node {
    pub(super) async fn start(cx: &Cx, code: Registered, options: RuntimeOptions) -> Self {
        let process = Arc::new(Process::new(cx.shared_provider()));
        let runtime = Runtime::start_with_options(
            Arc::clone(&process) as _,
            code.activities,
            code.orchestrations,
            options,
        )
        .await;
        Self { runtime, process }
    }

    /// What the nodes of the suite have in common: every turn is compared with a replay.
    pub(super) fn options(cx: &Cx) -> RuntimeOptions {
        RuntimeOptions {
            shadow_replay: true,
            clock: cx.clock(),
            orchestrator_lock_timeout: LEASE,
            worker_lock_timeout: LEASE,
            ..RuntimeOptions::default()
        }
    }

    /// Shuts the runtime down: it finishes what it can and gives the rest back.
    pub(crate) async fn stop(self) {
        within("a shutdown", self.runtime.shutdown(None)).await;
    }

    /// Kills the process: from now on nothing it does reaches the store, its leases stay, and the
    /// users' code ends where it stands.
    pub(crate) async fn kill(self) {
        self.process.die();
        within("an abort", self.runtime.shutdown(Some(0))).await;
    }
}
