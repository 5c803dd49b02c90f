//! Histories whose start has no mark, as the version before the marks wrote them: replays decide as
//! it did, and what goes on live goes on by its rules.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bench::{Bench, start_of_code};
use crate::event::{AppErrorKind, ErrorDetails, EventKind, PoisonMessageType, RULES, Started};
use crate::orchestration::{BackoffStrategy, OrchestrationContext, RetryPolicy};
use crate::replay::{End, Failure};

const SECOND: Duration = Duration::from_secs(1);

fn started(rules: Option<u8>) -> (u64, EventKind) {
    let kind = EventKind::from(Started {
        rules,
        ..start_of_code()
    });
    (0, kind)
}

fn scheduled() -> (u64, EventKind) {
    let kind = EventKind::ActivityScheduled {
        name: "A".to_owned(),
        input: String::new(),
        queue: None,
    };
    (0, kind)
}

fn timer() -> (u64, EventKind) {
    (0, EventKind::TimerCreated { fire_at_ms: 2_000 })
}

fn fired(source: u64) -> (u64, EventKind) {
    (source, EventKind::TimerFired { fire_at_ms: 2_000 })
}

fn failed(source: u64, details: ErrorDetails) -> (u64, EventKind) {
    (source, EventKind::ActivityFailed { details })
}

fn error() -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::ActivityFailed,
        message: "no".to_owned(),
        retryable: false,
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

/// Goes on with an execution that the version before has begun, whose retries have this policy.
fn retrying(policy: RetryPolicy, after_start: Vec<(u64, EventKind)>) -> Bench {
    let events = [vec![started(None)], after_start].concat();
    Bench::resume(events, move |ctx: OrchestrationContext| {
        ctx.schedule_activity_with_retry("A", "", policy.clone())
    })
}

fn with_timeout() -> RetryPolicy {
    RetryPolicy::new(3)
        .with_backoff(BackoffStrategy::None)
        .with_timeout(SECOND)
}

#[test]
fn an_attempt_that_waits_with_its_timer_goes_on() {
    let mut bench = retrying(with_timeout(), vec![scheduled(), timer()]);
    bench.activity(2, "done");
    assert_eq!(bench.output(), "done");
    assert!(bench.last.withdrawn.contains_key(&3));
}

/// What is scheduled after the upgrade has a timer as well, so that the node that replays it next,
/// of whichever kind, finds what it expects.
#[test]
fn an_attempt_after_a_failure_has_a_timer_again_live_and_in_a_replay() {
    let mut bench = retrying(with_timeout(), vec![scheduled(), timer()]);
    bench.activity_failed(2, error());
    assert!(bench.last.activity_options.is_empty());
    assert!(matches!(
        bench.kinds()[4..],
        [
            EventKind::ActivityScheduled { .. },
            EventKind::TimerCreated { .. }
        ]
    ));
    bench.go_cold().activity(5, "done");
    assert_eq!(bench.output(), "done");

    let recorded = vec![
        scheduled(),
        timer(),
        failed(2, error()),
        scheduled(),
        timer(),
    ];
    let mut bench = retrying(with_timeout(), recorded);
    bench.activity(5, "done");
    assert_eq!(bench.output(), "done");
}

#[test]
fn a_timeout_was_final_and_stays_so() {
    let mut bench = retrying(with_timeout(), vec![scheduled(), timer()]);
    bench.timer(3);
    let message = bench.failure().display_message();
    assert_eq!(message, "timeout: activity timed out");
    assert_eq!(bench.history.len(), 5);

    // The code went on after a timeout that it had handled.
    let code = |ctx: OrchestrationContext| async move {
        let retried = ctx.schedule_activity_with_retry("A", "", with_timeout());
        let error = retried.await.unwrap_err();
        let event = ctx.schedule_wait("E").into_event().await;
        Ok(format!("{error}, {event}"))
    };
    let wait = EventKind::ExternalSubscribed {
        name: "E".to_owned(),
    };
    let events = vec![started(None), scheduled(), timer(), fired(3), (0, wait)];
    let mut bench = Bench::resume(events, code);
    bench.event("E", "on");
    assert_eq!(bench.output(), "timeout: activity timed out, on");
}

#[test]
fn poison_was_tried_again() {
    let policy = RetryPolicy::new(2).with_backoff(BackoffStrategy::None);
    let recorded = vec![scheduled(), failed(2, poison()), scheduled()];
    let mut bench = retrying(policy.clone(), recorded);
    bench.activity(4, "done");
    assert_eq!(bench.output(), "done");

    let mut bench = retrying(policy, vec![scheduled()]);
    bench.activity_failed(2, poison()).go_cold();
    bench.activity(4, "done");
    assert_eq!(bench.output(), "done");
}

#[test]
fn no_attempts_were_one() {
    let policy = RetryPolicy {
        max_attempts: 0,
        ..RetryPolicy::default()
    };
    let mut bench = retrying(policy.clone(), vec![scheduled()]);
    bench.activity(2, "done");
    assert_eq!(bench.output(), "done");
    let mut bench = retrying(policy, vec![scheduled()]);
    bench.activity_failed(2, error());
    assert_eq!(bench.failure().display_message(), "no");
}

/// Nothing times a factor beyond all numbers is no number, and stood for the longest pause.
#[test]
fn a_pause_of_nothing_grew_to_the_longest_one() {
    let policy = RetryPolicy::new(9).with_backoff(BackoffStrategy::Exponential {
        base: Duration::ZERO,
        multiplier: 1e300,
        max: SECOND,
    });
    let failures = vec![
        scheduled(),
        failed(2, error()),
        scheduled(),
        failed(4, error()),
        scheduled(),
        failed(6, error()),
        timer(),
    ];
    let mut bench = retrying(policy, failures);
    bench.timer(8).activity(10, "done");
    assert_eq!(bench.output(), "done");
}

/// It had an effect only when it was awaited, so a history may go on after the call.
#[test]
fn continue_as_new_that_nobody_awaited_had_no_effect_then_and_has_one_now() {
    async fn looks_away(ctx: OrchestrationContext) -> Result<String, String> {
        drop(ctx.continue_as_new("next"));
        let result = ctx.schedule_activity("A", "").into_activity().await?;
        drop(ctx.continue_as_new(result));
        Ok("done".to_owned())
    }
    let mut bench = Bench::resume(vec![started(None), scheduled()], looks_away);
    bench.activity(2, "from the activity");
    match bench.engine.end() {
        Some(End::ContinuedAsNew { input, .. }) => assert_eq!(input, "from the activity"),
        other => panic!("not continued: {other:?}"),
    }

    async fn looks_later(ctx: OrchestrationContext) -> Result<String, String> {
        let next = ctx.continue_as_new("next");
        ctx.schedule_activity("A", "").into_activity().await?;
        next.await
    }
    let mut bench = Bench::resume(vec![started(None), scheduled()], looks_later);
    bench.activity(2, "");
    assert!(matches!(
        bench.engine.end(),
        Some(End::ContinuedAsNew { input, .. }) if input == "next"
    ));
}

#[test]
fn continue_as_new_with_what_cannot_be_written_was_overlooked() {
    async fn looks_away(ctx: OrchestrationContext) -> Result<String, String> {
        let unwritable = BTreeMap::from([(vec![1], 1)]);
        drop(ctx.continue_as_new_typed(&unwritable));
        ctx.schedule_activity("A", "").into_activity().await
    }
    let mut bench = Bench::resume(vec![started(None), scheduled()], looks_away);
    bench.activity(2, "done");
    assert_eq!(bench.output(), "done");
}

/// Children had shorter ids, which are adopted.
#[test]
fn a_child_with_an_id_of_then_is_waited_for() {
    let child = EventKind::SubOrchestrationScheduled {
        name: "C".to_owned(),
        instance: "i::sub::2".to_owned(),
        input: String::new(),
        queue: None,
    };
    let mut bench = Bench::resume(vec![started(None), (0, child)], |ctx| {
        ctx.schedule_sub_orchestration("C", "")
            .into_sub_orchestration()
    });
    bench.child(2, "done");
    assert_eq!(bench.output(), "done");
}

/// The mark decides and nothing else: with it the same history is one that this code did not write.
#[test]
fn a_history_with_the_mark_is_held_to_the_rules_of_today() {
    let events = vec![started(Some(RULES)), scheduled(), timer()];
    let replayed = Bench::try_resume(events, |ctx: OrchestrationContext| {
        ctx.schedule_activity_with_retry("A", "", with_timeout())
    });
    assert!(matches!(replayed.err(), Some(Failure::Nondeterminism(_))));
}

#[test]
fn every_execution_that_begins_now_has_the_mark() {
    let bench = Bench::start(|ctx: OrchestrationContext| {
        ctx.schedule_activity_with_retry("A", "", with_timeout())
    });
    match bench.kinds()[0] {
        EventKind::OrchestrationStarted { rules, .. } => assert_eq!(*rules, Some(RULES)),
        other => panic!("{other:?}"),
    }
}
