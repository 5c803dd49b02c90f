//! What does not fit into the history is refused before any of it runs.

use std::time::Duration;

use futures_util::future::join_all;

use super::bench::Bench;
use crate::event::EventKind;
use crate::limits::DECISIONS_PER_STEP_MAX;
use crate::orchestration::{DurableOutput, OrchestrationContext, RetryPolicy};
use crate::replay::{Failure, TokenKind};

/// Whether an output is the refusal.
fn is_refusal(output: &DurableOutput) -> bool {
    matches!(
        output,
        DurableOutput::Activity(Err(text)) | DurableOutput::SubOrchestration(Err(text))
            if text.starts_with("no room: ") && text.contains("history_events_max")
                && text.contains("continue_as_new")
    )
}

fn count(bench: &Bench, is_it: impl Fn(&EventKind) -> bool) -> usize {
    bench.history.iter().filter(|it| is_it(&it.kind)).count()
}

fn is_activity(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ActivityScheduled { .. })
}

/// The activities that would be sent after the last step.
fn sent(bench: &Bench) -> Vec<u64> {
    let entries = bench.last.entries.iter();
    let scheduled = entries.filter(|entry| is_activity(&entry.kind));
    scheduled
        .map(|entry| entry.event_id)
        .filter(|event_id| !bench.last.withdrawn.contains_key(event_id))
        .collect()
}

fn work(ctx: &OrchestrationContext, number: usize) -> Vec<crate::orchestration::DurableFuture> {
    (0..number)
        .map(|_| ctx.schedule_activity("A", ""))
        .collect()
}

/// 600 activities bring 1,200 events: the cap of 1,024 has no room for them, and none of them runs.
#[test]
fn a_fan_out_that_cannot_fit_is_refused_as_a_whole_and_the_code_goes_on() {
    let mut bench = Bench::start(|ctx| async move {
        let outputs = ctx.join(work(&ctx, 600)).await;
        assert_eq!(outputs.len(), 600);
        assert!(outputs.iter().all(is_refusal), "{outputs:?}");
        // In portions it fits.
        let mut done = 0;
        for _ in 0..2 {
            done += ctx.join(work(&ctx, 100)).await.len();
        }
        Ok(done.to_string())
    });
    let first = sent(&bench);
    assert_eq!(first.len(), 100, "the first portion, and nothing else");
    for event_id in first {
        bench.activity(event_id, "");
    }
    let second = sent(&bench);
    assert_eq!(second.len(), 100);
    bench.go_cold();
    for event_id in second {
        bench.activity(event_id, "");
    }
    assert_eq!(bench.output(), "200");
}

/// The same with combinators that know nothing of durable futures, which see some members fail while
/// they schedule the others, and with members that are made as they are polled.
#[test]
fn so_it_is_with_other_combinators() {
    let bench = Bench::start(|ctx| async move {
        let members = (0..600).map(|number| {
            let ctx = ctx.clone();
            async move {
                if number % 2 == 0 {
                    let work = ctx.schedule_activity("A", "");
                    return work.into_activity().await;
                }
                let child = ctx.schedule_sub_orchestration("C", "");
                child.into_sub_orchestration().await
            }
        });
        let outcomes = join_all(members).await;
        let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        ctx.schedule_wait("E").into_event().await;
        Ok(failed.to_string())
    });
    assert!(sent(&bench).is_empty());
    let children = bench.last.withdrawn.values();
    let children = children.filter(|kind| matches!(kind, TokenKind::Child { .. }));
    let scheduled = count(&bench, |kind| {
        matches!(kind, EventKind::SubOrchestrationScheduled { .. })
    });
    assert_eq!(children.count(), scheduled);
    let mut bench = bench;
    bench.event("E", "");
    assert_eq!(bench.output(), "600");
}

/// The largest one that fits runs, and one more does not.
#[test]
fn the_outcomes_to_come_are_counted() {
    // The start, the end, and four that are kept free: 58 are left for 29 activities.
    for (members, fits) in [(29, true), (30, false)] {
        let bench = Bench::start_capped(64, move |ctx| async move {
            let refused = ctx.join(work(&ctx, members)).await;
            Ok(refused
                .iter()
                .filter(|it| is_refusal(it))
                .count()
                .to_string())
        });
        if fits {
            assert_eq!(sent(&bench).len(), members);
            assert!(bench.engine.end().is_none());
        } else {
            assert_eq!(bench.output(), "30");
        }
    }
}

/// What was scheduled in an earlier step runs on, and its outcomes have their room.
#[test]
fn what_runs_already_is_left_alone() {
    let mut bench = Bench::start_capped(64, |ctx| async move {
        let mut early = ctx.schedule_activity("Early", "");
        assert!(futures_util::poll!(&mut early).is_pending());
        ctx.schedule_wait("E").into_event().await;
        let refused = ctx.join(work(&ctx, 40)).await;
        assert!(refused.iter().all(is_refusal));
        early.into_activity().await
    });
    bench.event("E", "");
    assert!(!bench.last.withdrawn.contains_key(&2));
    bench.go_cold().activity(2, "done");
    assert_eq!(bench.output(), "done");
}

/// A saga at the end of its history still compensates: that is what some events are kept free for.
#[test]
fn the_code_that_handles_it_has_room_at_once() {
    let mut bench = Bench::start_capped(64, |ctx| async move {
        let mut done = 0;
        while ctx.schedule_activity("A", "").into_activity().await.is_ok() {
            done += 1;
        }
        let undone = ctx.schedule_activity("Undo", "").into_activity().await?;
        Err(format!("{done} done, {undone}"))
    });
    while bench.engine.end().is_none() {
        let [event_id] = sent(&bench)[..] else {
            panic!("{:?}", bench.last)
        };
        bench.go_cold().activity(event_id, "undone");
    }
    assert_eq!(bench.failure().display_message(), "29 done, undone");
    assert!(bench.history.len() <= 64);
}

/// A replay goes by what is recorded, whatever the cap is by then.
#[test]
fn a_refusal_is_repeated_under_any_cap() {
    let start = || {
        Bench::start_capped(64, |ctx| async move {
            let timer = ctx.schedule_timer(Duration::from_secs(1));
            let mut all = work(&ctx, 40);
            all.insert(20, timer);
            let outputs = ctx.join(all).await;
            let refused = outputs.iter().filter(|it| is_refusal(it)).count();
            let text = ctx.schedule_activity("B", "").into_activity().await?;
            Ok(format!("{refused} {} {text}", outputs.len()))
        })
    };
    for events_max in [16, 64, 1_000_000] {
        let mut bench = start();
        assert_eq!(count(&bench, is_activity), 29 - 1);
        assert!(bench.replayed_under(events_max).is_ok());
        let timer = bench
            .history
            .iter()
            .position(|it| matches!(it.kind, EventKind::TimerCreated { .. }));
        let timer = timer.map_or(0, |place| bench.history[place].event_id);
        bench.go_cold_under(1_000_000).timer(timer);
        let event_id = bench.history.len() as u64;
        bench.go_cold().activity(event_id, "b");
        assert_eq!(bench.output(), "40 41 b");
    }
}

/// A timer cannot fail. Beside a refused activity it waits until the code has heard of that.
#[test]
fn timers_beside_what_is_refused_are_put_off() {
    let bench = Bench::start_capped(64, |ctx| async move {
        let pairs = (0..40).map(|_| {
            let work = ctx.schedule_activity("A", "");
            ctx.select2(work, ctx.schedule_timer(Duration::from_secs(1)))
        });
        let outputs = join_all(pairs).await;
        let refused = outputs
            .iter()
            .filter(|(_, output)| is_refusal(output))
            .count();
        Ok(refused.to_string())
    });
    assert_eq!(bench.output(), "40");
    let timers = count(&bench, |kind| {
        matches!(kind, EventKind::TimerCreated { .. })
    });
    assert!(timers < 40);
}

#[test]
fn timers_alone_that_do_not_fit_fail_the_run() {
    let bench = Bench::start_capped(64, |ctx| async move {
        let timers = (0..40).map(|_| ctx.schedule_timer(Duration::from_secs(1)));
        ctx.join(timers.collect()).await;
        Ok(String::new())
    });
    let failure = Failure::HistoryFull { events_max: 64 };
    assert_eq!(bench.engine.failure(), Some(&failure));
}

/// Another attempt would not fit either.
#[test]
fn a_retry_policy_does_not_try_it_again() {
    let bench = Bench::start_capped(64, |ctx| async move {
        let policy = RetryPolicy::new(3).with_schedule_to_close(Duration::from_secs(1));
        let all = (0..40).map(|_| ctx.schedule_activity_with_retry("A", "", policy.clone()));
        let outcomes = join_all(all).await;
        Ok(outcomes.iter().filter(|it| it.is_err()).count().to_string())
    });
    assert_eq!(bench.output(), "40");
    let refusals = count(&bench, |kind| matches!(kind, EventKind::SystemCall { .. }));
    assert_eq!(refusals, 1);
}

#[test]
fn code_that_never_gives_in_ends_at_the_cap() {
    let bench = Bench::start_capped(64, |ctx| async move {
        loop {
            drop(ctx.schedule_activity("A", "").into_activity().await);
            drop(ctx.join(work(&ctx, 100)).await);
        }
    });
    let mut bench = bench;
    while bench.engine.end().is_none() {
        let event_id = sent(&bench)[0];
        bench.activity(event_id, "");
    }
    let failure = Failure::HistoryFull { events_max: 64 };
    assert_eq!(bench.engine.failure(), Some(&failure));
    assert_eq!(bench.history.len(), 64);
}

/// More than a step may schedule is refused in the same way, with the limit's name.
#[test]
fn so_is_more_than_a_step_may_schedule() {
    let events_max = 10 * u64::try_from(DECISIONS_PER_STEP_MAX).unwrap();
    let mut bench = Bench::start_capped(events_max, |ctx| async move {
        let members = DECISIONS_PER_STEP_MAX + 5_000;
        let outputs = ctx.join(work(&ctx, members)).await;
        assert_eq!(outputs.len(), members);
        let text = outputs.into_iter().find_map(|output| match output {
            DurableOutput::Activity(result) => result.err(),
            _ => None,
        });
        drop(ctx.join(work(&ctx, 10)).await);
        text.ok_or_else(|| "nothing was refused".to_owned())
    });
    let portion = sent(&bench);
    assert_eq!(portion.len(), 10);
    for event_id in portion {
        bench.activity(event_id, "");
    }
    assert!(
        bench.output().contains("DECISIONS_PER_STEP_MAX"),
        "{}",
        bench.output()
    );
}
