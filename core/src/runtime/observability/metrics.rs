//! Counters of what a runtime has done.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::ErrorDetails;

/// What a runtime has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Orchestrations that ended with a result.
    pub orch_completions: u64,
    /// Orchestrations that ended with an error, of whatever category.
    pub orch_failures: u64,
    /// Those of them that failed by their own code or were cancelled.
    pub orch_application_errors: u64,
    /// Those of them that failed by the store or the machine.
    pub orch_infrastructure_errors: u64,
    /// Those of them that the deployed code did not fit.
    pub orch_configuration_errors: u64,
    /// Those of them that were tried too often.
    pub orch_poison: u64,
    /// Activities that ended with a result.
    pub activity_success: u64,
    /// Activities that failed by their own code.
    pub activity_app_errors: u64,
    /// Activities that failed by the store or the machine.
    pub activity_infra_errors: u64,
    /// Activities that are not registered.
    pub activity_config_errors: u64,
    /// Activities that were tried too often.
    pub activity_poison: u64,
}

/// The counters behind a [`MetricsSnapshot`].
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    orchestrations: Counters,
    activities: Counters,
}

/// The counters are independent of each other, so no order between them is needed.
#[derive(Debug, Default)]
struct Counters {
    successes: AtomicU64,
    infrastructure: AtomicU64,
    configuration: AtomicU64,
    application: AtomicU64,
    poison: AtomicU64,
}

impl Counters {
    fn failed(&self, details: &ErrorDetails) {
        let counter = match details {
            ErrorDetails::Infrastructure { .. } => &self.infrastructure,
            ErrorDetails::Configuration { .. } => &self.configuration,
            ErrorDetails::Application { .. } => &self.application,
            ErrorDetails::Poison { .. } => &self.poison,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// An orchestration has ended with a result.
    pub(crate) fn orchestration_completed(&self) {
        self.orchestrations
            .successes
            .fetch_add(1, Ordering::Relaxed);
    }

    /// An orchestration has ended with an error.
    pub(crate) fn orchestration_failed(&self, details: &ErrorDetails) {
        self.orchestrations.failed(details);
    }

    /// An activity has ended with a result.
    pub(crate) fn activity_completed(&self) {
        self.activities.successes.fetch_add(1, Ordering::Relaxed);
    }

    /// An activity has failed.
    pub(crate) fn activity_failed(&self, details: &ErrorDetails) {
        self.activities.failed(details);
    }

    /// The counts so far.
    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (orchestrations, activities) = (&self.orchestrations, &self.activities);
        let mut snapshot = MetricsSnapshot {
            orch_completions: read(&orchestrations.successes),
            orch_failures: 0,
            orch_application_errors: read(&orchestrations.application),
            orch_infrastructure_errors: read(&orchestrations.infrastructure),
            orch_configuration_errors: read(&orchestrations.configuration),
            orch_poison: read(&orchestrations.poison),
            activity_success: read(&activities.successes),
            activity_app_errors: read(&activities.application),
            activity_infra_errors: read(&activities.infrastructure),
            activity_config_errors: read(&activities.configuration),
            activity_poison: read(&activities.poison),
        };
        snapshot.orch_failures = snapshot.orch_application_errors
            + snapshot.orch_infrastructure_errors
            + snapshot.orch_configuration_errors
            + snapshot.orch_poison;
        snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AppErrorKind, ConfigErrorKind};

    #[test]
    fn each_end_is_counted_in_its_category() {
        let application = ErrorDetails::Application {
            kind: AppErrorKind::OrchestrationFailed,
            message: String::new(),
            retryable: false,
        };
        let configuration = ErrorDetails::Configuration {
            kind: ConfigErrorKind::UnregisteredActivity,
            resource: String::new(),
            message: None,
        };
        let metrics = Metrics::default();
        metrics.orchestration_completed();
        metrics.orchestration_failed(&application);
        metrics.orchestration_failed(&configuration);
        metrics.activity_completed();
        metrics.activity_failed(&configuration);
        let expected = MetricsSnapshot {
            orch_completions: 1,
            orch_failures: 2,
            orch_application_errors: 1,
            orch_configuration_errors: 1,
            activity_success: 1,
            activity_config_errors: 1,
            ..MetricsSnapshot::default()
        };
        assert_eq!(metrics.snapshot(), expected);
    }
}
