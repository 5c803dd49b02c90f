//! Counters of what a runtime has done.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::ErrorDetails;
use crate::runtime::obstacle::ObstacleKind;

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
    /// Turns and activities that were given back since this node has no code of that name or version.
    pub given_back_not_registered: u64,
    /// Turns that were given back since the code does not do what history says it did.
    pub given_back_nondeterminism: u64,
    /// Turns and activities that were given back since their input is of another type than the one
    /// this node's code is registered with.
    pub given_back_unfit_input: u64,
    /// Turns and activities that were given back since a later duroxide wrote them.
    pub given_back_newer_format: u64,
    /// Turns that were given back since the store failed.
    pub given_back_store: u64,
    /// Turns of instances that were in memory as they are stored.
    pub turns_warm: u64,
    /// Turns of instances that were in memory, and for which what another node had added was read.
    pub turns_caught_up: u64,
    /// Turns of instances whose whole history was read.
    pub turns_cold: u64,
    /// Events that were read from histories and replayed.
    pub events_replayed: u64,
    /// Turns whose code did not yield and blocked its thread for a second.
    pub turns_blocking: u64,
    /// Those of them that were given up since they were past
    /// [`turn_deadline`](crate::runtime::RuntimeOptions::turn_deadline).
    pub turns_overdue: u64,
}

/// The counters behind a [`MetricsSnapshot`].
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    orchestrations: Counters,
    activities: Counters,
    given_back: GivenBack,
    turns: Turns,
}

#[derive(Debug, Default)]
struct GivenBack {
    not_registered: AtomicU64,
    nondeterminism: AtomicU64,
    unfit_input: AtomicU64,
    newer_format: AtomicU64,
    store: AtomicU64,
}

/// How the code of turns came to stand where the history ends, and whether it went on from there.
#[derive(Debug, Default)]
struct Turns {
    warm: AtomicU64,
    caught_up: AtomicU64,
    cold: AtomicU64,
    events_replayed: AtomicU64,
    blocking: AtomicU64,
    overdue: AtomicU64,
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

    /// An item was given back.
    pub(crate) fn given_back(&self, kind: ObstacleKind) {
        let counter = match kind {
            ObstacleKind::NotRegistered => &self.given_back.not_registered,
            ObstacleKind::Nondeterminism => &self.given_back.nondeterminism,
            ObstacleKind::UnfitInput => &self.given_back.unfit_input,
            ObstacleKind::NewerFormat => &self.given_back.newer_format,
            ObstacleKind::Store => &self.given_back.store,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// An engine stood where the history ends.
    pub(crate) fn turn_was_warm(&self) {
        self.turns.warm.fetch_add(1, Ordering::Relaxed);
    }

    /// An engine was led on to where the history ends.
    pub(crate) fn turn_caught_up(&self, events: usize) {
        self.turns.caught_up.fetch_add(1, Ordering::Relaxed);
        self.replayed(events);
    }

    /// An engine was led from the beginning of a history to its end.
    pub(crate) fn turn_was_cold(&self, events: usize) {
        self.turns.cold.fetch_add(1, Ordering::Relaxed);
        self.replayed(events);
    }

    /// The code of a turn does not yield.
    pub(crate) fn turn_blocks(&self) {
        self.turns.blocking.fetch_add(1, Ordering::Relaxed);
    }

    /// It has not until its deadline.
    pub(crate) fn turn_is_overdue(&self) {
        self.turns.overdue.fetch_add(1, Ordering::Relaxed);
    }

    fn replayed(&self, events: usize) {
        self.turns
            .events_replayed
            .fetch_add(events as u64, Ordering::Relaxed);
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
            given_back_not_registered: read(&self.given_back.not_registered),
            given_back_nondeterminism: read(&self.given_back.nondeterminism),
            given_back_unfit_input: read(&self.given_back.unfit_input),
            given_back_newer_format: read(&self.given_back.newer_format),
            given_back_store: read(&self.given_back.store),
            turns_warm: read(&self.turns.warm),
            turns_caught_up: read(&self.turns.caught_up),
            turns_cold: read(&self.turns.cold),
            events_replayed: read(&self.turns.events_replayed),
            turns_blocking: read(&self.turns.blocking),
            turns_overdue: read(&self.turns.overdue),
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
