//! Some of everything.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationRegistry};

use super::events::{Events, events};
use super::hello::{Hello, hello};
use super::timers::{Timers, timers};
use super::tree::{Tree, node};
use super::{Code, Ran, Tally, Workload};
use crate::failure::Failure;

/// Four workloads by turns, on one store.
pub(super) struct Mixed {
    parts: [Box<dyn Workload>; 4],
}

impl Mixed {
    pub(super) fn new() -> Self {
        Self {
            parts: [
                Box::new(Hello::new(None)),
                Box::new(Timers),
                Box::new(Events),
                Box::new(Tree),
            ],
        }
    }

    /// The part to which an id belongs. Ids of one client end with numbers that follow one another.
    fn part(&self, id: &str) -> &dyn Workload {
        let sum = id.bytes().map(usize::from).sum::<usize>();
        let [first, ..] = &self.parts;
        let found = self.parts.get(sum % self.parts.len());
        &**found.unwrap_or(first)
    }
}

#[async_trait]
impl Workload for Mixed {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder()
            .register("Hello", hello)
            .register("Timers", timers)
            .register("Events", events)
            .register("Node", node);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        self.part(id).operate(client, id).await
    }
}
