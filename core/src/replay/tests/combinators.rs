//! `select` and `join` go by history.

use std::time::Duration;

use futures_util::future::join_all;

use super::bench::Bench;
use crate::event::EventKind;
use crate::orchestration::DurableOutput;
use crate::replay::{Failure, TokenKind};

#[test]
fn history_interleaves_each_input_with_what_it_caused() {
    let mut bench = Bench::start(|ctx| async move {
        let a = ctx.schedule_activity("A", "1").into_activity().await?;
        ctx.schedule_activity("B", a).into_activity().await
    });
    bench.activity(2, "x").activity(4, "y");
    let kinds: Vec<u64> = bench.history.iter().map(|entry| entry.event_id).collect();
    assert_eq!(kinds, [1, 2, 3, 4, 5, 6]);
    assert!(
        matches!(bench.kinds()[3], EventKind::ActivityScheduled { name, input, .. }
        if name == "B" && input == "x")
    );
    assert_eq!(bench.output(), "y");
}

#[test]
fn select_takes_the_earlier_outcome_in_history_though_it_polls_the_other_first() {
    // Both are resolved before the select is polled again, since an activity holds it up.
    let mut bench = Bench::start(|ctx| async move {
        let mut a = ctx.schedule_activity("A", "");
        let mut b = ctx.schedule_activity("B", "");
        let gate = ctx.schedule_wait("gate");
        // Polling once schedules both without awaiting them.
        assert!(futures_util::poll!(&mut a).is_pending());
        assert!(futures_util::poll!(&mut b).is_pending());
        gate.into_event().await;
        let (index, output) = ctx.select2(a, b).await;
        Ok(format!("{index} {output:?}"))
    });
    bench.activity(3, "b").activity(2, "a").event("gate", "");
    assert_eq!(bench.output(), "1 Activity(Ok(\"b\"))");
}

#[test]
fn select_schedules_every_member_in_order_and_cancels_the_losers() {
    let mut bench = Bench::start(|ctx| async move {
        let (index, _) = ctx
            .select(vec![
                ctx.schedule_activity("A", ""),
                ctx.schedule_timer(Duration::from_secs(9)),
                ctx.schedule_sub_orchestration("C", ""),
                ctx.schedule_wait("E"),
            ])
            .await;
        ctx.schedule_wait("end").into_event().await;
        Ok(index.to_string())
    });
    bench.event("E", "x");
    let withdrawn: Vec<_> = bench.last.withdrawn.clone().into_iter().collect();
    let child = TokenKind::Child {
        instance: "i::sub::4-00112233".into(),
    };
    assert_eq!(
        withdrawn,
        [(2, TokenKind::Activity), (3, TokenKind::Timer), (4, child)]
    );
    // The answer of a loser is no event.
    bench.activity(2, "late");
    assert!(bench.last.entries.is_empty());
    bench.event("end", "");
    assert_eq!(bench.output(), "3");
}

#[test]
fn join_yields_the_order_of_history_and_an_empty_one_resolves_at_once() {
    let mut bench = Bench::start(|ctx| async move {
        assert!(ctx.join(Vec::new()).await.is_empty());
        let members = ["A", "B", "C"]
            .map(|name| ctx.schedule_activity(name, ""))
            .into();
        let outputs = ctx.join(members).await;
        let texts = outputs.into_iter().map(|output| match output {
            DurableOutput::Activity(Ok(text)) => text,
            other => panic!("{other:?}"),
        });
        Ok(texts.collect::<Vec<_>>().join(","))
    });
    bench
        .activity(4, "c")
        .activity(2, "a")
        .go_cold()
        .activity(3, "b");
    assert_eq!(bench.output(), "c,a,b");
}

#[test]
fn an_empty_select_waits_for_nothing_durable() {
    let bench = Bench::start(|ctx| async move {
        ctx.select(Vec::new()).await;
        Ok(String::new())
    });
    assert_eq!(bench.engine.failure(), Some(&Failure::NotDurable));
}

#[test]
fn one_step_polls_until_the_code_is_quiet() {
    // `join_all` over so many futures yields to itself, and needs more than one poll.
    let mut bench = Bench::start_capped(10_000, |ctx| async move {
        let members: Vec<_> = (0..1_100)
            .map(|_| ctx.schedule_wait("E").into_event())
            .collect();
        Ok(join_all(members).await.len().to_string())
    });
    assert_eq!(bench.history.len(), 1_101);
    bench.event("E", "1");
    assert_eq!(bench.history.len(), 1_102);
}

#[test]
fn what_is_scheduled_and_dropped_in_one_step_is_an_event_and_nothing_else() {
    let bench = Bench::start(|ctx| async move {
        let mut dropped = ctx.schedule_activity("A", "");
        assert!(futures_util::poll!(&mut dropped).is_pending());
        drop(dropped);
        ctx.schedule_wait("E").into_event().await;
        Ok(String::new())
    });
    assert!(matches!(
        bench.kinds()[1],
        EventKind::ActivityScheduled { .. }
    ));
    assert!(bench.last.withdrawn.contains_key(&2));
}

#[test]
fn a_future_that_is_never_polled_is_never_scheduled() {
    let bench = Bench::start(|ctx| async move {
        drop(ctx.schedule_activity("A", ""));
        Ok(String::new())
    });
    assert_eq!(bench.history.len(), 2);
}

#[test]
fn biased_select_of_the_futures_crate_works() {
    let mut bench = Bench::start(|ctx| async move {
        let mut a = ctx.schedule_activity("A", "").into_activity();
        let mut b = ctx.schedule_timer(Duration::from_secs(1)).into_timer();
        futures_util::select_biased! {
            result = a => result,
            () = b => Ok("timer".to_owned()),
        }
    });
    bench.timer(3);
    assert_eq!(bench.output(), "timer");
}
