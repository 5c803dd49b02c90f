//! What code and people are told of a history that grows.

use super::bench::Bench;
use crate::event::EventKind;
use crate::limits::{CONTINUE_AS_NEW_BYTES, HISTORY_EVENTS_MAX_DEFAULT};
use crate::orchestration::OrchestrationContext;
use crate::replay::TraceLevel;

/// Says after each event how long the history is, until it is told to stop.
async fn watching(ctx: OrchestrationContext) -> Result<String, String> {
    let mut said = String::new();
    loop {
        let event = ctx.schedule_wait("E").into_event().await;
        said += &format!(
            "{}{} ",
            ctx.history_len(),
            u8::from(ctx.should_continue_as_new())
        );
        if event == "stop" {
            return Ok(said);
        }
    }
}

#[test]
fn the_length_counts_events_and_a_quarter_of_the_cap_is_long() {
    let mut bench = Bench::start_capped(32, watching);
    for _ in 0..4 {
        bench.event("E", "").go_cold();
    }
    bench.event("E", "stop");
    assert_eq!(bench.output(), "30 50 70 91 111 ");
}

/// A deployment may raise or lower the cap while the instance runs, and the replay says the same.
#[test]
fn the_cap_of_the_beginning_counts_and_is_recorded_unless_it_is_the_default() {
    let cap_of = |bench: &Bench| match bench.kinds()[0] {
        EventKind::OrchestrationStarted {
            history_events_max, ..
        } => *history_events_max,
        other => panic!("{other:?}"),
    };
    let mut bench = Bench::start_capped(32, watching);
    assert_eq!(cap_of(&bench), Some(32));
    bench.event("E", "").go_cold_under(1_000_000);
    for _ in 0..3 {
        bench.event("E", "");
    }
    bench.go_cold_under(16).event("E", "stop");
    assert_eq!(bench.output(), "30 50 70 91 111 ");

    let mut bench = Bench::start_capped(HISTORY_EVENTS_MAX_DEFAULT, watching);
    assert_eq!(cap_of(&bench), None);
    bench
        .go_cold_under(16)
        .event("E", "")
        .event("E", "")
        .event("E", "")
        .event("E", "stop");
    assert_eq!(bench.output(), "30 50 70 90 ");
}

#[test]
fn large_texts_are_long_however_few_they_are() {
    let mut bench = Bench::start_capped(HISTORY_EVENTS_MAX_DEFAULT, watching);
    bench.event("E", &"x".repeat(CONTINUE_AS_NEW_BYTES));
    bench.go_cold().event("E", "stop");
    assert_eq!(bench.output(), "31 51 ");
}

#[test]
fn a_history_that_is_nearly_full_is_warned_of_once() {
    let mut bench = Bench::start_capped(20, watching);
    let mut warnings = Vec::new();
    for _ in 0..8 {
        bench.event("E", "").go_cold();
        let lines = bench.last.traces.iter();
        warnings.extend(lines.map(|line| (bench.history.len(), line.clone())));
    }
    let [(events, line)] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert_eq!((*events, line.level), (16, TraceLevel::Warn));
    assert!(line.message.contains("16 of at most 20"), "{line:?}");
}
