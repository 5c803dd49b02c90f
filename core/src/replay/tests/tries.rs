//! Looks into the mailbox: the answer is an event, also if there is nothing.

use super::bench::Bench;
use crate::event::EventKind;
use crate::orchestration::OrchestrationContext;
use crate::replay::{End, Failure, Input};

impl Bench {
    /// There is no event for this try.
    fn absent(&mut self, id: u64, name: &str) -> &mut Self {
        let name = name.to_owned();
        self.input(Input::answering(id, EventKind::ExternalAbsent { name }))
    }

    /// The event that the first wait or try of this name takes.
    fn mail(&mut self, name: &str, data: &str) -> &mut Self {
        let wait = self.engine.first_wait(name);
        let kind = EventKind::ExternalEvent {
            name: name.to_owned(),
            data: data.to_owned(),
        };
        self.input(Input::new(kind).taken_by(wait))
    }
}

async fn twice(ctx: OrchestrationContext) -> Result<String, String> {
    let first = ctx.try_wait("E").await;
    let second = ctx.try_wait("E").await;
    Ok(format!("{first:?} {second:?}"))
}

/// Or a replay would give the second one's event to the first.
#[test]
fn nothing_is_an_answer_that_a_replay_repeats() {
    let mut bench = Bench::start(twice);
    assert_eq!(bench.engine.first_try(), Some((2, "E".to_owned())));
    assert!(bench.engine.open_topics().is_empty(), "it wakes nobody");
    bench.absent(2, "E").go_cold();
    assert_eq!(bench.engine.first_try(), Some((4, "E".to_owned())));
    bench.mail("E", "data");
    assert_eq!(bench.output(), "None Some(\"data\")");
    assert_eq!(bench.engine.first_try(), None);
}

#[test]
fn what_was_handed_on_is_taken_without_a_look() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_wait("On").into_event().await;
        twice(ctx).await
    });
    bench.event("E", "carried").event("On", "");
    assert_eq!(bench.engine.first_try(), Some((6, "E".to_owned())));
    bench.go_cold().absent(6, "E");
    assert_eq!(bench.output(), "Some(\"carried\") None");
}

/// A wait that was there before comes first; a try that is answered leaves the others alone.
#[test]
fn waits_and_tries_of_one_name_take_turns() {
    let mut bench = Bench::start(|ctx| async move {
        let wait = ctx.schedule_wait("E").into_event();
        let look = ctx.try_wait("E");
        let (wait, look) = futures_util::join!(wait, look);
        Ok(format!("{wait} {look:?}"))
    });
    assert_eq!(bench.engine.open_topics(), ["E"]);
    bench.mail("E", "1");
    assert_eq!(bench.engine.first_try(), Some((3, "E".to_owned())));
    bench.go_cold().absent(3, "E");
    assert_eq!(bench.output(), "1 None");
}

#[test]
fn a_try_that_nobody_wants_any_more_asks_for_nothing() {
    let mut bench = Bench::start(|ctx| async move {
        let mut look = ctx.try_wait("E");
        assert!(futures_util::poll!(&mut look).is_pending());
        drop(look);
        Ok(ctx.schedule_wait("E").into_event().await)
    });
    assert_eq!(bench.engine.first_try(), None);
    bench.go_cold().mail("E", "data");
    assert_eq!(bench.output(), "data");
}

/// What a try was given and nobody looked at goes along, as with a wait.
#[test]
fn an_event_that_was_not_seen_goes_along() {
    let mut bench = Bench::start(|ctx| async move {
        let mut look = ctx.try_wait("E");
        assert!(futures_util::poll!(&mut look).is_pending());
        ctx.schedule_wait("On").into_event().await;
        drop(look);
        ctx.continue_as_new("next").await
    });
    bench.mail("E", "data").event("On", "");
    let Some(End::ContinuedAsNew { carried, .. }) = bench.engine.end() else {
        panic!("{:?}", bench.engine.end())
    };
    let data: Vec<&str> = carried.iter().map(|event| &*event.data).collect();
    assert_eq!(data, ["data"]);
}

#[test]
fn typed_data_that_cannot_be_decoded_is_an_error() {
    let mut bench = Bench::start(|ctx| async move {
        let good = ctx.try_wait_typed::<u32>("E").await;
        let bad = ctx.try_wait_typed::<u32>("E").await;
        let none = ctx.try_wait_typed::<u32>("E").await;
        Ok(format!(
            "{good:?} {} {none:?}",
            bad.is_some_and(|it| it.is_err())
        ))
    });
    bench.mail("E", "7").mail("E", "seven").absent(6, "E");
    assert_eq!(bench.output(), "Some(Ok(7)) true None");
}

#[test]
fn a_wait_in_place_of_a_try_and_a_strange_answer_are_found() {
    let mut bench = Bench::start(twice);
    bench.absent(2, "E");
    let is_found =
        |failure: Option<Failure>| failure.is_some_and(|failure| failure.is_nondeterminism());
    let waits =
        |ctx: OrchestrationContext| async move { Ok(ctx.schedule_wait("E").into_event().await) };
    assert!(is_found(bench.replayed_by(waits).err()));
    let renamed =
        |ctx: OrchestrationContext| async move { Ok(format!("{:?}", ctx.try_wait("F").await)) };
    assert!(is_found(bench.replayed_by(renamed).err()));
    let waiting = Bench::start(waits);
    assert!(is_found(waiting.replayed_by(twice).err()));
    // The answer of another topic, and one to a wait that stays.
    let answered = |name: &str, tried: EventKind| {
        let events = vec![
            (0, bench.history[0].kind.clone()),
            (0, tried),
            (
                0,
                EventKind::ExternalSubscribed {
                    name: "On".to_owned(),
                },
            ),
            (
                2,
                EventKind::ExternalAbsent {
                    name: name.to_owned(),
                },
            ),
        ];
        let code = |ctx: OrchestrationContext| async move {
            let both = futures_util::join!(ctx.try_wait("E"), ctx.schedule_wait("On"));
            Ok(format!("{both:?}"))
        };
        Bench::try_resume(events, code).err()
    };
    let tried = || EventKind::ExternalTried {
        name: "E".to_owned(),
    };
    assert!(answered("E", tried()).is_none());
    assert!(is_found(answered("F", tried())));
    let subscribed = EventKind::ExternalSubscribed {
        name: "E".to_owned(),
    };
    assert!(is_found(answered("E", subscribed)));
}

/// Each look brings an event, for which there is room.
#[test]
fn looks_without_an_end_meet_the_cap() {
    let mut bench = Bench::start_capped(16, |ctx| async move {
        loop {
            ctx.try_wait("E").await;
        }
    });
    while let Some((try_id, name)) = bench.engine.first_try() {
        bench.absent(try_id, &name);
    }
    assert_eq!(bench.failure().category(), "infrastructure");
    assert!(bench.history.len() <= 16);
}
