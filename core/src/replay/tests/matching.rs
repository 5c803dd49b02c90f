//! Replay is strict: both sides must agree at every step, and at the end of history.

use std::time::Duration;

use super::bench::Bench;
use crate::event::EventKind;
use crate::orchestration::OrchestrationContext;
use crate::replay::{Failure, TokenKind};

fn recorded() -> Bench {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_activity("A", "1").into_activity().await?;
        ctx.schedule_timer(Duration::from_secs(1))
            .into_timer()
            .await;
        ctx.schedule_activity("B", "2").into_activity().await
    });
    bench.activity(2, "x").timer(4);
    bench
}

fn message(failure: Option<Failure>) -> String {
    let failure = failure.expect("the replay fails");
    assert!(failure.is_nondeterminism(), "{failure:?}");
    failure.to_string()
}

#[test]
fn another_name_more_and_less_are_all_found() {
    let bench = recorded();
    let renamed = bench
        .replayed_by(|ctx| async move { ctx.schedule_activity("Z", "1").into_activity().await });
    let text = message(renamed.err());
    assert!(
        text.contains("at event 2 history has activity \"A\""),
        "{text}"
    );
    assert!(text.contains("the code does activity \"Z\""), "{text}");
    assert!(text.contains("matching.rs:"), "{text}");

    let less = bench.replayed_by(|ctx| async move {
        ctx.schedule_activity("A", "1").into_activity().await?;
        ctx.schedule_timer(Duration::from_secs(1))
            .into_timer()
            .await;
        Ok(String::new())
    });
    message(less.err());

    let more = bench.replayed_by(|ctx| async move {
        let a = ctx.schedule_activity("A", "1");
        let b = ctx.schedule_activity("extra", "");
        ctx.join(vec![a, b]).await;
        Ok(String::new())
    });
    let text = message(more.err());
    assert!(text.contains("history has no decision"), "{text}");
}

/// Types gain fields, and a `HashMap` has no order: the recorded input is what was done.
#[test]
fn inputs_are_adopted_and_compared_where_that_is_asked_for() {
    async fn all(ctx: OrchestrationContext, input: &'static str) -> Result<String, String> {
        ctx.schedule_orchestration("D", "d", input);
        let a = ctx.schedule_activity("A", input);
        let c = ctx.schedule_sub_orchestration("C", input);
        ctx.join(vec![a, c]).await;
        ctx.continue_as_new(input).await
    }
    let mut bench = Bench::start(|ctx| all(ctx, "1"));
    assert!(bench.replayed_by(|ctx| all(ctx, "2")).is_ok());
    let compared = bench.compared_with(|ctx| all(ctx, "2"), true);
    assert!(message(compared.err()).contains("with another input"));
    bench.activity(3, "x").child(4, "y");
    assert!(bench.engine.end().is_some());
    assert!(bench.replayed_by(|ctx| all(ctx, "2")).is_ok());
    assert!(bench.compared_with(|ctx| all(ctx, "1"), true).is_ok());
    assert!(bench.compared_with(|ctx| all(ctx, "2"), true).is_err());
}

#[test]
fn outputs_are_adopted_and_compared_where_that_is_asked_for() {
    async fn says(ctx: OrchestrationContext, output: &str) -> Result<String, String> {
        ctx.schedule_wait("E").into_event().await;
        Ok(output.to_owned())
    }
    let mut bench = Bench::start(|ctx| says(ctx, "1"));
    bench.event("E", "");
    assert!(bench.replayed_by(|ctx| says(ctx, "2")).is_ok());
    message(bench.compared_with(|ctx| says(ctx, "2"), true).err());
    let fails = bench.replayed_by(|ctx| async move {
        ctx.schedule_wait("E").into_event().await;
        Err("1".to_owned())
    });
    message(fails.err());
}

/// What identifies a detached start is its name and its instance, whatever it is given.
#[test]
fn a_detached_start_is_its_name_and_its_instance() {
    async fn starts(
        ctx: OrchestrationContext,
        name: &'static str,
        instance: &'static str,
    ) -> Result<String, String> {
        ctx.schedule_orchestration(name, instance, "");
        Ok(ctx.schedule_wait("E").into_event().await)
    }
    let bench = Bench::start(|ctx| starts(ctx, "D", "d"));
    message(bench.replayed_by(|ctx| starts(ctx, "Z", "d")).err());
    message(bench.replayed_by(|ctx| starts(ctx, "D", "z")).err());
}

/// Ids of children were others once, and will be others again.
#[test]
fn the_recorded_id_of_a_child_is_adopted_whatever_its_form() {
    let mut bench = Bench::start(|ctx| async move {
        let child = ctx.schedule_sub_orchestration("C", "");
        let timer = ctx.schedule_timer(Duration::from_secs(1));
        ctx.select2(child, timer).await;
        Ok(ctx.schedule_wait("E").into_event().await)
    });
    let EventKind::SubOrchestrationScheduled { instance, .. } = &mut bench.history[1].kind else {
        panic!("{:?}", bench.history)
    };
    *instance = "i::sub::2".to_owned();
    bench.go_cold().timer(3);
    let child = TokenKind::Child {
        instance: "i::sub::2".into(),
    };
    assert_eq!(bench.last.withdrawn.get(&2), Some(&child));
}

#[test]
fn ending_before_history_does_is_found() {
    let early = recorded()
        .replayed_by(|ctx| async move { ctx.schedule_activity("A", "1").into_activity().await });
    message(early.err());
}

#[test]
fn the_time_of_a_timer_is_adopted_and_not_compared() {
    let shorter = recorded().replayed_by(|ctx| async move {
        ctx.schedule_activity("A", "1").into_activity().await?;
        ctx.schedule_timer(Duration::from_millis(1))
            .into_timer()
            .await;
        ctx.schedule_activity("B", "2").into_activity().await
    });
    assert!(shorter.is_ok());
}

#[test]
fn system_calls_yield_in_replay_what_they_yielded_live() {
    let mut bench = Bench::start(|ctx| async move {
        let guid = ctx.new_guid().await?;
        let other = ctx.new_guid().await?;
        assert_ne!(guid, other);
        let now = ctx.utcnow().await?.duration_since(std::time::UNIX_EPOCH);
        let back = ctx.schedule_activity("echo", &guid).into_activity().await?;
        assert_eq!(guid, back);
        Ok(format!("{now:?}"))
    });
    let guid = match bench.kinds()[1] {
        EventKind::SystemCall { value, .. } => value.clone(),
        other => panic!("{other:?}"),
    };
    bench.go_cold().activity(5, &guid);
    assert_eq!(bench.output(), "Ok(1.01s)");
}

#[test]
fn a_name_that_nobody_reads_to_its_end_is_cut() {
    let long = "\u{10ffff}".repeat(100_000);
    let bench = Bench::start(move |ctx| {
        let long = long.clone();
        async move { ctx.schedule_activity(long, "1").into_activity().await }
    });
    let renamed = bench
        .replayed_by(|ctx| async move { ctx.schedule_activity("Z", "1").into_activity().await });
    let text = message(renamed.err());
    assert!(text.contains("\\u{10ffff}\"..."), "{text}");
    assert!(text.len() < 2_000, "{} bytes", text.len());
}
