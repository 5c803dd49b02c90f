//! External events: kept, matched first come first served, given back, carried on.

use std::time::Duration;

use uuid::Uuid;

use super::bench::Bench;
use crate::event::EventKind;
use crate::replay::{End, Input};

#[test]
fn events_that_come_before_the_wait_are_kept_in_order() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_wait("go").into_event().await;
        let first = ctx.schedule_wait("E").into_event().await;
        let second = ctx.schedule_wait("E").into_event().await;
        Ok(format!("{first}{second}"))
    });
    bench
        .event("E", "1")
        .event("other", "x")
        .event("E", "2")
        .go_cold()
        .event("go", "");
    assert_eq!(bench.output(), "12");
}

#[test]
fn equal_events_are_two_and_a_repeated_message_is_one() {
    let mut bench = Bench::start(|ctx| async move {
        let first = ctx.schedule_wait("E").into_event().await;
        let second = ctx.schedule_wait("E").into_event().await;
        Ok(format!("{first}{second}"))
    });
    let raise = |id: u128| {
        let kind = EventKind::ExternalEvent {
            name: "E".to_owned(),
            data: "x".to_owned(),
        };
        Input::new(kind).brought_by(Some(Uuid::from_u128(id)))
    };
    bench.input(raise(1)).go_cold().input(raise(1));
    assert!(bench.last.entries.is_empty(), "the repeat is no event");
    bench.input(raise(2));
    assert_eq!(bench.output(), "xx");
}

#[test]
fn waits_are_answered_in_the_order_in_which_they_began() {
    let mut bench = Bench::start(|ctx| async move {
        let outputs = ctx
            .join(vec![ctx.schedule_wait("E"), ctx.schedule_wait("E")])
            .await;
        Ok(format!("{outputs:?}"))
    });
    bench.event("E", "1").event("E", "2");
    assert_eq!(bench.output(), "[External(\"1\"), External(\"2\")]");
}

#[test]
fn a_dropped_wait_leaves_its_queue() {
    let mut bench = Bench::start(|ctx| async move {
        let timer = ctx.schedule_timer(Duration::from_secs(1));
        let (index, _) = ctx.select2(ctx.schedule_wait("E"), timer).await;
        assert_eq!(index, 1);
        Ok(ctx.schedule_wait("E").into_event().await)
    });
    // The first select argument is scheduled first.
    bench.timer(3).event("E", "for the second wait");
    assert_eq!(bench.output(), "for the second wait");
}

#[test]
fn an_event_that_its_wait_never_saw_goes_back_to_the_front() {
    let mut bench = Bench::start(|ctx| async move {
        let mut wait = ctx.schedule_wait("E");
        assert!(futures_util::poll!(&mut wait).is_pending());
        ctx.schedule_wait("go").into_event().await;
        // Its event has come; nobody has looked.
        drop(wait);
        let first = ctx.schedule_wait("E").into_event().await;
        let second = ctx.schedule_wait("E").into_event().await;
        Ok(format!("{first}{second}"))
    });
    bench.event("E", "1").event("E", "2").event("go", "");
    assert_eq!(bench.output(), "12");
}

#[test]
fn unused_events_go_along_to_the_next_execution_in_order() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_wait("go").into_event().await;
        ctx.continue_as_new("next").await
    });
    bench
        .event("B", "1")
        .event("A", "2")
        .event("B", "3")
        .event("go", "");
    let Some(End::ContinuedAsNew { input, carried, .. }) = bench.engine.end() else {
        panic!("{:?}", bench.engine.end())
    };
    assert_eq!(input, "next");
    let names: Vec<_> = carried
        .iter()
        .map(|event| (&*event.name, &*event.data))
        .collect();
    assert_eq!(names, [("B", "1"), ("A", "2"), ("B", "3")]);
}
