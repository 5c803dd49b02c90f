//! The nodes that share the store.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::{ErrorKind, Provider};
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide_provider_tests::{Effect, Fault, Faulty, Operation, When};

use crate::generation::Generation;
use crate::ledger::Ledger;
use crate::place::Place;
use crate::program;

/// How many nodes there are at once.
pub(crate) const NODES: usize = 3;

/// How long an activity rests whose node has crashed.
const ACTIVITY_LEASE: Duration = Duration::from_secs(5);

/// How long a node that leaves in good order waits for its activities. Those that wait for bills
/// to be written take longer.
const PATIENCE_MS: u64 = 200;

/// How a node leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Orderly,
    Crash,
}

/// The nodes, each with a handle of its own on the store.
pub(crate) struct Fleet<'a> {
    place: &'a Place,
    ledger: &'a Arc<Ledger>,
    nodes: Vec<Node>,
}

struct Node {
    runtime: Arc<Runtime>,
    store: Arc<Faulty<dyn Provider>>,
}

impl<'a> Fleet<'a> {
    /// Starts all nodes.
    pub(crate) async fn start(
        place: &'a Place,
        ledger: &'a Arc<Ledger>,
        generation: Generation,
    ) -> Self {
        let mut fleet = Self {
            place,
            ledger,
            nodes: Vec::new(),
        };
        for _ in 0..NODES {
            let node = fleet.start_node(generation).await;
            fleet.nodes.push(node);
        }
        fleet
    }

    async fn start_node(&self, generation: Generation) -> Node {
        let store = Arc::new(Faulty::new(self.place.open().await));
        let options = RuntimeOptions {
            worker_lock_timeout: ACTIVITY_LEASE,
            ..RuntimeOptions::default()
        };
        let provider = Arc::<Faulty<dyn Provider>>::clone(&store);
        let runtime = Runtime::start_with_options(
            provider,
            Arc::new(program::activities(generation, self.ledger)),
            program::orchestrations(generation),
            options,
        )
        .await;
        Node { runtime, store }
    }

    /// Exchanges a node for one with this code.
    pub(crate) async fn exchange(&mut self, number: usize, generation: Generation, exit: Exit) {
        let next = self.start_node(generation).await;
        std::mem::replace(&mut self.nodes[number], next)
            .leave(exit)
            .await;
    }

    /// Lets all nodes leave.
    pub(crate) async fn stop(self) {
        for node in self.nodes {
            node.leave(Exit::Orderly).await;
        }
    }
}

impl Node {
    async fn leave(self, exit: Exit) {
        match exit {
            Exit::Orderly => {
                self.runtime.shutdown(Some(PATIENCE_MS)).await;
                self.store.close().await;
            }
            Exit::Crash => {
                // From now on nothing that the node does reaches the store; so it gives nothing
                // back, and what it holds rests until its leases have passed.
                let gone = Operation::ALL.iter().map(|operation| Fault {
                    operation: *operation,
                    when: When::FromNth(1),
                    effect: Effect::FailBefore(ErrorKind::Unavailable),
                });
                self.store.set_faults(gone);
                self.runtime.shutdown(Some(0)).await;
            }
        }
    }
}
