//! What ends a run from outside, and what is withdrawn with it.

use std::time::Duration;

use super::bench::Bench;
use crate::event::{AppErrorKind, ErrorDetails, EventKind};
use crate::replay::{Input, TokenKind};

#[test]
fn cancellation_ends_the_run_without_asking_the_code() {
    let mut bench = Bench::start(|ctx| async move {
        let work = vec![
            ctx.schedule_activity("A", ""),
            ctx.schedule_timer(Duration::from_secs(1)),
            ctx.schedule_sub_orchestration("C", ""),
        ];
        ctx.join(work).await;
        panic!("the code is not asked")
    });
    let kind = EventKind::OrchestrationCancelRequested {
        reason: "why not".to_owned(),
    };
    bench.input(Input::new(kind));
    assert!(matches!(
        bench.failure(),
        ErrorDetails::Application { kind: AppErrorKind::Cancelled { reason }, .. }
            if reason == "why not"
    ));
    let open: Vec<_> = bench.last.withdrawn.values().cloned().collect();
    let child = TokenKind::Child {
        instance: "i::sub::4-00112233".into(),
    };
    assert_eq!(open, [TokenKind::Activity, TokenKind::Timer, child]);
}

#[test]
fn an_end_withdraws_what_is_still_open() {
    let mut bench = Bench::start(|ctx| async move {
        let mut child = ctx.schedule_sub_orchestration("C", "");
        assert!(futures_util::poll!(&mut child).is_pending());
        ctx.schedule_activity("A", "").into_activity().await
    });
    bench.activity(3, "done");
    assert_eq!(bench.output(), "done");
    assert!(matches!(
        bench.last.withdrawn.get(&2),
        Some(TokenKind::Child { .. })
    ));
    let after = bench.history.len();
    bench.activity(3, "again").event("E", "late");
    assert_eq!(
        bench.history.len(),
        after,
        "nothing is recorded after the end"
    );
}

#[test]
fn nothing_is_polled_after_continue_as_new() {
    let bench = Bench::start(|ctx| async move {
        let next = ctx.continue_as_new("1");
        let after = async {
            ctx.schedule_activity("after", "")
                .into_activity()
                .await
                .ok();
        };
        futures_util::join!(next, after).0
    });
    assert_eq!(bench.history.len(), 2, "{:?}", bench.history);
    assert!(matches!(
        bench.kinds()[1],
        EventKind::OrchestrationContinuedAsNew { .. }
    ));
}

#[test]
fn a_child_is_named_after_its_parent_and_event() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_sub_orchestration("C", "in")
            .into_sub_orchestration()
            .await
    });
    assert!(matches!(bench.kinds()[1],
        EventKind::SubOrchestrationScheduled { instance, .. } if instance == "i::sub::2-00112233"));
    bench.child(2, "out");
    assert_eq!(bench.output(), "out");
}
