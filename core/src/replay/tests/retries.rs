//! Retry policies, step by step.

use std::time::Duration;

use super::bench::Bench;
use crate::event::{AppErrorKind, ErrorDetails, EventKind, PoisonMessageType};
use crate::orchestration::{ActivityOptions, BackoffStrategy, OrchestrationContext, RetryPolicy};

const SECOND: Duration = Duration::from_secs(1);

fn retrying(policy: RetryPolicy) -> Bench {
    let policy = policy.with_backoff(BackoffStrategy::None);
    Bench::start(move |ctx: OrchestrationContext| {
        ctx.schedule_activity_with_retry("A", "", policy.clone())
    })
}

fn failed(message: &str, retryable: bool) -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::ActivityFailed,
        message: message.to_owned(),
        retryable,
    }
}

fn poison() -> ErrorDetails {
    ErrorDetails::Poison {
        attempt_count: 11,
        max_attempts: 10,
        message_type: PoisonMessageType::Activity {
            instance: "i".to_owned(),
            execution_id: 1,
            activity_name: "A".to_owned(),
            activity_id: 2,
        },
        message: "given up".to_owned(),
    }
}

fn attempts(bench: &Bench) -> usize {
    let kinds = bench.kinds();
    let scheduled = kinds
        .iter()
        .filter(|kind| matches!(kind, EventKind::ActivityScheduled { .. }));
    scheduled.count()
}

#[test]
fn poison_is_not_tried_again() {
    let mut bench = retrying(RetryPolicy::new(3));
    bench.activity_failed(2, poison());
    assert_eq!(attempts(&bench), 1);
    assert!(bench.failure().display_message().starts_with("poison: "));
}

/// It is the kind of the failure that counts: this error only reads like poison.
#[test]
fn what_only_sounds_like_poison_is_tried_again() {
    let mut bench = retrying(RetryPolicy::new(2));
    bench.activity_failed(2, failed(&poison().display_message(), false));
    bench.activity(4, "done");
    assert_eq!(bench.output(), "done");
}

/// The time counts from when an attempt starts, which only the worker knows: the engine schedules no
/// timer, and carries the limit beside the event.
#[test]
fn a_timeout_goes_with_the_activity_and_is_retried() {
    let mut bench = retrying(RetryPolicy::new(2).with_timeout(SECOND));
    let options = ActivityOptions::new().with_start_to_close(SECOND);
    assert_eq!(bench.last.activity_options.get(&2), Some(&options));
    assert_eq!(bench.history.len(), 2);
    bench.activity_failed(2, failed("timeout: activity timed out", true));
    assert_eq!(bench.last.activity_options.get(&4), Some(&options));
    bench.activity_failed(4, failed("timeout: activity timed out", true));
    let message = bench.failure().display_message();
    assert_eq!(message, "timeout: activity timed out");
}

#[test]
fn the_old_way_is_a_timer_from_the_scheduling_on_and_one_timeout_ends_it() {
    let policy = RetryPolicy::new(3).with_timeout(SECOND);
    let mut bench = retrying(policy.with_retry_timeouts(false));
    assert!(bench.last.activity_options.is_empty());
    bench.activity_failed(2, failed("no", false));
    assert_eq!(attempts(&bench), 2);
    let timer = bench.history.len() as u64;
    bench.timer(timer);
    assert_eq!(attempts(&bench), 2);
    let message = bench.failure().display_message();
    assert_eq!(message, "timeout: activity timed out");
}

#[test]
fn a_total_limit_ends_an_attempt_and_a_pause() {
    let policy = RetryPolicy::new(3).with_schedule_to_close(SECOND);
    let mut bench = retrying(policy.clone());
    bench.go_cold().timer(3);
    let message = bench.failure().display_message();
    assert!(message.starts_with("timeout: activity timed out: its schedule_to_close of 1s"));
    assert!(bench.last.withdrawn.contains_key(&2));

    let policy = policy.with_backoff(BackoffStrategy::Fixed { delay: SECOND });
    let mut bench = Bench::start(move |ctx: OrchestrationContext| {
        ctx.schedule_activity_with_retry("A", "", policy.clone())
    });
    bench
        .activity_failed(2, failed("no", false))
        .go_cold()
        .timer(3);
    let message = bench.failure().display_message();
    assert!(message.contains("schedule_to_close"), "{message}");
    assert_eq!(attempts(&bench), 1);
}

#[test]
fn a_total_limit_that_is_not_reached_is_withdrawn() {
    let mut bench = retrying(RetryPolicy::new(3).with_schedule_to_close(SECOND));
    bench.activity_failed(2, failed("no", false));
    bench.activity(5, "done");
    assert_eq!(bench.output(), "done");
    assert!(bench.last.withdrawn.contains_key(&3));
}

#[test]
fn a_policy_without_attempts_is_an_error_and_makes_none() {
    let bench = retrying(RetryPolicy {
        max_attempts: 0,
        ..RetryPolicy::default()
    });
    let message = bench.failure().display_message();
    assert!(
        message.contains("max_attempts must be at least 1"),
        "{message}"
    );
    assert_eq!(attempts(&bench), 0);
}
