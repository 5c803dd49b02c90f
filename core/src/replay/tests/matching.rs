//! Replay is strict: both sides must agree at every step, and at the end of history.

use std::time::Duration;

use super::bench::Bench;
use crate::replay::Failure;

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
fn another_name_another_input_more_and_less_are_all_found() {
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

    let other_input = bench
        .replayed_by(|ctx| async move { ctx.schedule_activity("A", "9").into_activity().await });
    assert!(message(other_input.err()).contains("with another input"));

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
        crate::event::EventKind::SystemCall { value, .. } => value.clone(),
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
