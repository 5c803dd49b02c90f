//! What clients did, and what was acknowledged to them: it outlives every process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::{Client, ErrorDetails, OrchestrationStatus};

/// How long a client waits for an end, by the virtual clock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// How often something was asked for, and whether it was acknowledged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) times: usize,
    pub(crate) is_acknowledged: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The starts that were acknowledged.
    pub(crate) started: BTreeSet<&'static str>,
    /// By instance and name.
    pub(crate) events: BTreeMap<(&'static str, &'static str), Asked>,
    /// By instance: what its end was, as a client saw it.
    pub(crate) ends: BTreeMap<&'static str, String>,
    /// By what the script does once: whether it is done.
    pub(crate) done: BTreeSet<&'static str>,
}

impl Ledger {
    pub(crate) async fn start(
        &mut self,
        client: &Client,
        instance: &'static str,
        orchestration: &str,
    ) {
        if !self.started.contains(instance) {
            let started = client.start_orchestration(instance, orchestration, "");
            started.await.expect("the client tries again");
            self.started.insert(instance);
        }
    }

    pub(crate) async fn raise(
        &mut self,
        client: &Client,
        instance: &'static str,
        event: &'static str,
    ) {
        let asked = self.events.entry((instance, event)).or_default();
        if !asked.is_acknowledged {
            asked.times += 1;
            let raised = client.raise_event(instance, event, event);
            raised.await.expect("the client tries again");
            asked.is_acknowledged = true;
        }
    }

    pub(crate) async fn end(&mut self, client: &Client, instance: &'static str) {
        let end = client.wait_for_orchestration(instance, PATIENCE).await;
        let end = end.unwrap_or_else(|error| panic!("{instance}: {error}"));
        let end = outcome(&end);
        let seen = self.ends.entry(instance).or_insert_with(|| end.clone());
        assert_eq!(*seen, end, "{instance} ended twice");
    }

    /// Whatever was acknowledged is there.
    pub(crate) async fn check(&self, store: Arc<MemoryProvider>) {
        let client = Client::new(store);
        for instance in &self.started {
            let status = client.get_orchestration_status(instance).await.unwrap();
            assert_ne!(
                status,
                OrchestrationStatus::NotFound,
                "the acknowledged start of {instance} is lost"
            );
        }
        for (instance, seen) in &self.ends {
            let status = client.get_orchestration_status(instance).await.unwrap();
            assert_eq!(
                *seen,
                outcome(&status),
                "the end of {instance} that a client saw is another one now"
            );
        }
    }
}

/// An end, without the count of attempts, which is one more after a crash.
fn outcome(status: &OrchestrationStatus) -> String {
    match status {
        OrchestrationStatus::Failed {
            details: ErrorDetails::Poison { .. },
        } => "poison".to_owned(),
        OrchestrationStatus::Failed { details } => format!("failed: {}", details.display_message()),
        OrchestrationStatus::Completed { output } => format!("completed: {output}"),
        other => format!("{other:?}"),
    }
}
