//! Cancellations that are announced: the code hears of them, and decides how it ends.

use std::time::Duration;

use uuid::Uuid;

use super::bench::{Bench, start_of_code};
use crate::event::{AppErrorKind, CancelAnnouncement, ErrorDetails, EventKind, Started};
use crate::orchestration::{DurableOutput, OrchestrationContext};
use crate::replay::{End, Input};

const MESSAGE: Uuid = Uuid::from_u128(7);

impl Bench {
    fn announce(&mut self, reason: &str, message: Uuid) -> &mut Self {
        let kind = EventKind::OrchestrationCancelAnnounced {
            reason: reason.to_owned(),
            cancel_at_ms: 5_000,
        };
        self.input(Input::new(kind).brought_by(Some(message)))
    }
}

async fn cleans_up(ctx: OrchestrationContext) -> Result<String, String> {
    let work = ctx.schedule_activity("Work", "");
    match ctx.select2(work, ctx.cancellation_requested()).await {
        (1, DurableOutput::External(reason)) => {
            assert!(ctx.is_cancellation_requested());
            ctx.schedule_activity("Undo", "").into_activity().await?;
            Err(format!("canceled: {reason}"))
        }
        (_, output) => Ok(format!("{output:?}")),
    }
}

#[test]
fn code_that_listens_cleans_up_and_ends_as_cancelled() {
    let mut bench = Bench::start(cleans_up);
    assert_eq!(bench.history.len(), 2, "to listen is no event");
    bench.go_cold().announce("lunch", MESSAGE);
    assert!(bench.last.withdrawn.contains_key(&2), "{:?}", bench.last);
    assert_eq!(bench.engine.announced_by(), Some(MESSAGE));
    bench.go_cold().activity(4, "undone");
    assert!(matches!(
        bench.failure(),
        ErrorDetails::Application { kind: AppErrorKind::Cancelled { reason }, .. }
            if reason == "lunch"
    ));
}

#[test]
fn the_first_announcement_counts_and_a_repeat_is_no_event() {
    let mut bench = Bench::start(cleans_up);
    bench.announce("lunch", MESSAGE);
    let events = bench.history.len();
    bench
        .announce("lunch", MESSAGE)
        .go_cold()
        .announce("dinner", Uuid::from_u128(8));
    assert_eq!(bench.history.len(), events);
    bench.activity(4, "undone");
    assert_eq!(bench.failure().display_message(), "canceled: lunch");
}

#[test]
fn code_that_does_not_listen_goes_on_and_ends_as_it_likes() {
    async fn works(ctx: OrchestrationContext) -> Result<String, String> {
        let before = ctx.is_cancellation_requested();
        ctx.schedule_activity("Work", "").into_activity().await?;
        Ok(format!("{before} {}", ctx.is_cancellation_requested()))
    }
    let mut bench = Bench::start(works);
    bench.announce("lunch", MESSAGE).go_cold().activity(2, "");
    assert_eq!(bench.output(), "false true");
    let mut fails =
        Bench::start(|ctx| async move { ctx.schedule_activity("Work", "").into_activity().await });
    let details = ErrorDetails::Application {
        kind: AppErrorKind::ActivityFailed,
        message: "canceled: dinner".to_owned(),
        retryable: false,
    };
    fails.announce("lunch", MESSAGE).activity_failed(2, details);
    assert!(matches!(
        fails.failure(),
        ErrorDetails::Application {
            kind: AppErrorKind::OrchestrationFailed,
            ..
        }
    ));
}

/// An error of that text is an error like others where nobody has cancelled anything.
#[test]
fn nobody_is_cancelled_without_a_request() {
    let bench = Bench::start(|_| async move { Err("canceled: lunch".to_owned()) });
    assert!(matches!(
        bench.failure(),
        ErrorDetails::Application {
            kind: AppErrorKind::OrchestrationFailed,
            ..
        }
    ));
}

#[test]
fn the_next_execution_knows_it_from_the_start() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_wait("On").into_event().await;
        ctx.continue_as_new("next").await
    });
    bench.announce("lunch", MESSAGE).event("On", "");
    let Some(End::ContinuedAsNew { announced, .. }) = bench.engine.end() else {
        panic!("{:?}", bench.engine.end())
    };
    let expected = CancelAnnouncement {
        reason: "lunch".to_owned(),
        cancel_at_ms: 5_000,
        message_id: MESSAGE,
    };
    assert_eq!(announced.as_deref(), Some(&expected));

    let started = EventKind::from(Started {
        announced: announced.clone(),
        ..start_of_code()
    });
    let timer = EventKind::TimerCreated { fire_at_ms: 2_000 };
    let wait = EventKind::ExternalSubscribed {
        name: "On".to_owned(),
    };
    let events = vec![(0, started), (0, timer), (0, wait)];
    let mut next = Bench::resume(events, |ctx| async move {
        let known = ctx.is_cancellation_requested();
        let timer = ctx.schedule_timer(Duration::from_secs(1));
        let (first, _) = ctx.select2(timer, ctx.cancellation_requested()).await;
        ctx.schedule_wait("On").into_event().await;
        Ok(format!("{known} {first}"))
    });
    next.announce("dinner", Uuid::from_u128(8)).event("On", "");
    assert_eq!(next.output(), "true 1");
}

/// What an old version of the code has written is repeated by one that listens, and the other way round.
#[test]
fn code_may_begin_and_cease_to_listen() {
    async fn deaf(ctx: OrchestrationContext) -> Result<String, String> {
        ctx.schedule_activity("Work", "").into_activity().await
    }
    let deaf_bench = Bench::start(deaf);
    assert!(deaf_bench.replayed_by(cleans_up).is_ok());
    let listening = Bench::start(cleans_up);
    assert!(listening.replayed_by(deaf).is_ok());
}

#[test]
fn an_announcement_that_comes_while_nobody_waits_is_heard_later_in_its_place() {
    let mut bench = Bench::start(|ctx| async move {
        let mut timer = ctx.schedule_timer(Duration::from_secs(1));
        assert!(futures_util::poll!(&mut timer).is_pending());
        ctx.schedule_wait("On").into_event().await;
        let (first, _) = ctx.select2(timer, ctx.cancellation_requested()).await;
        Ok(first.to_string())
    });
    bench.announce("lunch", MESSAGE).timer(2).event("On", "");
    assert_eq!(bench.output(), "1", "the first in history");
}

#[test]
fn code_that_asks_without_an_end_is_stopped() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_wait("On").into_event().await;
        loop {
            ctx.cancellation_requested().await;
        }
    });
    bench.announce("lunch", MESSAGE).event("On", "");
    let message = bench.failure().display_message();
    assert!(message.contains("DECISIONS_PER_STEP_MAX"), "{message}");
}

#[test]
fn to_wait_for_a_cancellation_alone_is_to_wait() {
    let mut bench =
        Bench::start(|ctx| async move { Ok(ctx.cancellation_requested().into_event().await) });
    assert!(bench.engine.end().is_none());
    bench.go_cold().announce("lunch", MESSAGE);
    assert_eq!(bench.output(), "lunch");
}
