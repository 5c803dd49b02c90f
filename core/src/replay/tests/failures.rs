//! What ends a run from within.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::bench::Bench;
use crate::event::{AppErrorKind, ErrorDetails, EventKind};
use crate::limits::DECISIONS_PER_STEP_MAX;
use crate::orchestration::OrchestrationContext;
use crate::replay::Failure;

#[test]
fn waiting_on_what_is_not_durable_fails_at_once() {
    let bench = Bench::start(|_| async move {
        std::future::pending::<()>().await;
        Ok(String::new())
    });
    assert_eq!(bench.engine.failure(), Some(&Failure::NotDurable));
    assert!(bench.failure().display_message().contains("not durable"));
}

#[test]
fn a_wake_from_outside_sounds_the_alarm_and_fails_the_next_step() {
    // The first sender belongs to the live run, later ones to the bench's replays.
    let senders: Arc<Mutex<Vec<tokio::sync::oneshot::Sender<()>>>> = Arc::default();
    let kept = Arc::clone(&senders);
    let mut bench = Bench::start(move |ctx| {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        kept.lock().unwrap().push(sender);
        async move {
            let event = ctx.schedule_wait("E").into_event();
            futures_util::future::select(receiver, event).await;
            ctx.schedule_wait("F").into_event().await;
            Ok(String::new())
        }
    });
    let alarms = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&alarms);
    bench.engine.set_alarm(Box::new(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }));
    let live = senders.lock().unwrap().remove(0);
    std::thread::spawn(move || live.send(()))
        .join()
        .unwrap()
        .unwrap();
    assert_eq!(alarms.load(std::sync::atomic::Ordering::SeqCst), 1);
    bench.event("E", "");
    assert_eq!(bench.engine.failure(), Some(&Failure::ForeignWake));
}

#[test]
fn using_the_context_outside_of_a_step_fails_the_run() {
    let leaked: Arc<Mutex<Option<OrchestrationContext>>> = Arc::default();
    let slot = Arc::clone(&leaked);
    let mut bench = Bench::start(move |ctx| {
        // The first one is the live run's; later ones belong to the bench's replays.
        slot.lock().unwrap().get_or_insert(ctx.clone());
        async move {
            ctx.schedule_wait("E").into_event().await;
            Ok(String::new())
        }
    });
    let ctx = leaked.lock().unwrap().clone().unwrap();
    ctx.schedule_orchestration("D", "d", "");
    bench.event("E", "");
    assert_eq!(bench.engine.failure(), Some(&Failure::OutsideStep));
}

#[test]
fn code_that_wakes_itself_for_ever_is_stopped() {
    let bench = Bench::start(|_| async move {
        std::future::poll_fn(|cx: &mut std::task::Context<'_>| {
            cx.waker().wake_by_ref();
            std::task::Poll::<()>::Pending
        })
        .await;
        Ok(String::new())
    });
    assert!(matches!(
        bench.engine.failure(),
        Some(Failure::PollLimit { .. })
    ));
}

#[test]
fn a_panic_is_an_application_failure_that_says_so() {
    let bench = Bench::start(|ctx| async move {
        if ctx.is_logging_enabled() || !ctx.is_logging_enabled() {
            panic!("out of {}", "luck")
        }
        Ok(String::new())
    });
    assert!(matches!(
        bench.failure(),
        ErrorDetails::Application { kind: AppErrorKind::OrchestrationFailed, message, .. }
            if message == "orchestration panicked: out of luck"
    ));
}

#[test]
fn the_cap_holds_within_one_poll_and_leaves_a_slot_for_the_end() {
    let bench = Bench::start_capped(16, |ctx| async move {
        loop {
            // Whatever it hears.
            drop(ctx.new_guid().await);
        }
    });
    assert_eq!(
        bench.engine.failure(),
        Some(&Failure::HistoryFull { events_max: 16 })
    );
    assert_eq!(bench.history.len(), 16);
    assert!(bench.history[15].kind.is_terminal());
}

/// However long its history may be, and the replays of the bench agree.
#[test]
fn a_step_that_schedules_too_much_fails_the_run() {
    let events_max = 10 * u64::try_from(DECISIONS_PER_STEP_MAX).unwrap();
    let bench = Bench::start_capped(events_max, |ctx| async move {
        // Nothing but the context could stop it: it does not await.
        for _ in 0..DECISIONS_PER_STEP_MAX + 100 {
            ctx.schedule_orchestration("Child", "child", "");
        }
        Ok(String::new())
    });
    let decisions_max = DECISIONS_PER_STEP_MAX;
    let failure = Failure::StepFull { decisions_max };
    assert_eq!(bench.engine.failure(), Some(&failure));
    assert!(
        bench
            .failure()
            .display_message()
            .contains("DECISIONS_PER_STEP_MAX")
    );
    assert_eq!(bench.history.len(), DECISIONS_PER_STEP_MAX + 2);
}

#[test]
fn the_cap_holds_for_inputs_as_well() {
    let mut bench = Bench::start_capped(5, |ctx| async move {
        ctx.schedule_wait("never").into_event().await;
        Ok(String::new())
    });
    for _ in 0..5 {
        bench.event("E", "");
    }
    assert_eq!(bench.history.len(), 5);
    assert!(bench.history[4].kind.is_terminal());
}

#[test]
fn an_answer_to_what_was_never_asked_is_nondeterminism() {
    let mut bench =
        Bench::start(|ctx| async move { ctx.schedule_activity("A", "").into_activity().await });
    bench.activity(77, "?");
    assert!(
        bench
            .engine
            .failure()
            .is_some_and(Failure::is_nondeterminism)
    );
}

#[test]
fn trace_lines_are_no_events_and_come_once() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.trace_info("one");
        ctx.schedule_timer(Duration::from_secs(1))
            .into_timer()
            .await;
        ctx.trace_warn("two");
        Ok(String::new())
    });
    let lines = |bench: &Bench| {
        bench
            .last
            .traces
            .iter()
            .map(|line| line.message.clone())
            .collect()
    };
    let first: Vec<String> = lines(&bench);
    assert_eq!(first, ["one"]);
    bench.go_cold().timer(2);
    let second: Vec<String> = lines(&bench);
    assert_eq!(second, ["two"]);
    assert!(
        bench
            .kinds()
            .iter()
            .all(|kind| !matches!(kind, EventKind::SystemCall { .. }))
    );
}
