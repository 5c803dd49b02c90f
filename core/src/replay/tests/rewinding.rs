//! Histories that are cut, and code that goes on from there.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::bench::Bench;
use crate::event::{AppErrorKind, Entry, ErrorDetails, EventKind};
use crate::orchestration::{ActivityOptions, OrchestrationContext};
use crate::replay::{Cut, Engine, Failure, Input, Moment, cancelled};

const LATER: Moment = Moment {
    now_ms: 100_000,
    seed: 7,
};

fn broken() -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::ActivityFailed,
        message: "broken".to_owned(),
        retryable: false,
    }
}

/// What is repeated up to the cut, led through this code.
fn rewound<F, Fut>(bench: &Bench, code: F) -> Result<(Engine, Cut, Vec<Input>), Failure>
where
    F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    let cut = Cut::before_failure(&bench.history).expect("the run has failed");
    let mut repeated = bench.history.clone();
    repeated.retain(|entry| entry.event_id < cut.event_id);
    let mut engine = Bench::engine_of(code);
    engine.rewind(repeated, cut.within_step.then_some(LATER))?;
    Ok((engine, cut, cut.kept(&bench.history)))
}

fn kinds(entries: &[Entry]) -> Vec<&EventKind> {
    entries.iter().map(|entry| &entry.kind).collect()
}

async fn side_by_side(ctx: OrchestrationContext) -> Result<String, String> {
    let options = ActivityOptions {
        start_to_close: Some(Duration::from_secs(3)),
        ..ActivityOptions::default()
    };
    let all = vec![
        ctx.schedule_activity_with_options("A", "", options),
        ctx.schedule_activity("B", ""),
        ctx.schedule_timer(Duration::from_secs(9)),
        ctx.schedule_wait("E"),
    ];
    for output in ctx.join(all).await {
        if let crate::replay::DurableOutput::Activity(output) = output {
            output?;
        }
    }
    Ok("done".to_owned())
}

#[test]
fn the_last_failed_step_is_open_and_what_succeeded_since_is_kept() {
    let mut bench = Bench::start(side_by_side);
    bench
        .activity_failed(2, broken())
        .timer(4)
        .event("E", "data")
        .activity(3, "b");
    assert_eq!(bench.failure().display_message(), "broken");

    let (mut engine, cut, kept) = rewound(&bench, side_by_side).unwrap();

    assert_eq!((cut.event_id, cut.within_step), (6, false));
    assert_eq!(engine.open_operations(), BTreeSet::from([2, 3, 4]));
    let harvest = engine.harvest();
    assert!(harvest.entries.is_empty() && harvest.withdrawn.is_empty());
    // A node that opens it again needs what the event does not say.
    assert_eq!(
        harvest.activity_options[&2].start_to_close,
        Some(Duration::from_secs(3))
    );
    assert_eq!(kept.len(), 3);
    for input in &kept {
        engine.step(input, LATER);
    }
    assert_eq!(engine.open_operations(), BTreeSet::from([2]));
    let result = "a".to_owned();
    let answer = EventKind::ActivityCompleted { result };
    engine.step(&Input::answering(2, answer), LATER);
    assert_eq!(
        engine.end(),
        Some(&crate::replay::End::Completed {
            output: "done".to_owned()
        })
    );
    assert!(engine.open_operations().is_empty());
}

#[test]
fn an_event_keeps_its_id_and_answers_no_decision_that_is_gone() {
    let id = Uuid::from_u128(5);
    let mut bench = Bench::start(|ctx| async move {
        let first = ctx.schedule_activity("A", "").into_activity().await;
        let second = ctx.schedule_wait("E").into_event().await;
        first?;
        Ok(second)
    });
    bench.activity_failed(2, broken());
    let kind = EventKind::ExternalEvent {
        name: "E".to_owned(),
        data: "data".to_owned(),
    };
    bench.input(
        Input::new(kind.clone())
            .taken_by(Some(4))
            .brought_by(Some(id)),
    );
    let cut = Cut::before_failure(&bench.history).unwrap();
    let expected = Input::new(kind).brought_by(Some(id));
    assert_eq!(cut.kept(&bench.history), [expected]);
}

/// The answer to what was decided after the cut is of no use: another decision may have its number.
#[test]
fn what_answers_a_later_decision_is_dropped() {
    async fn steps(ctx: OrchestrationContext) -> Result<String, String> {
        let first = ctx.schedule_activity("A", "").into_activity().await;
        let second = ctx.schedule_activity("Clean up", "").into_activity().await;
        first.and(second)
    }
    let mut bench = Bench::start(steps);
    bench.activity_failed(2, broken()).activity(4, "");
    let (engine, cut, kept) = rewound(&bench, steps).unwrap();
    assert_eq!((cut.event_id, kept), (3, Vec::new()));
    assert_eq!(engine.open_operations(), BTreeSet::from([2]));
}

#[test]
fn code_that_failed_by_itself_goes_on_within_its_last_step() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_activity("A", "").into_activity().await?;
        let _started = ctx.schedule_timer(Duration::from_secs(1)).await;
        ctx.schedule_orchestration("Detached", "d", "");
        Err("a mistake".to_owned())
    });
    bench.activity(2, "a").timer(4);
    let (mut engine, cut, kept) = rewound(&bench, |ctx| async move {
        ctx.schedule_activity("A", "").into_activity().await?;
        let _started = ctx.schedule_timer(Duration::from_secs(1)).await;
        ctx.schedule_orchestration("Detached", "d", "");
        let now = ctx.utcnow().await?;
        ctx.schedule_timer(Duration::from_secs(2)).await;
        Ok(format!("{now:?}"))
    })
    .unwrap();
    assert_eq!((cut.event_id, cut.within_step), (7, true));
    assert!(kept.is_empty());
    let harvest = engine.harvest();
    let timer = EventKind::TimerCreated {
        fire_at_ms: 102_000,
    };
    assert_eq!(
        kinds(&harvest.entries)[1..],
        [&timer],
        "what was done is not done again"
    );
    assert_eq!(harvest.entries[0].event_id, 7);
    // Code that makes the same mistake ends at once, and says so anew.
    let (mut engine, ..) = rewound(&bench, |ctx| async move {
        ctx.schedule_activity("A", "").into_activity().await?;
        let _started = ctx.schedule_timer(Duration::from_secs(1)).await;
        ctx.schedule_orchestration("Detached", "d", "");
        panic!("another mistake")
    })
    .unwrap();
    let harvest = engine.harvest();
    assert_eq!(harvest.entries.len(), 1);
    assert!(harvest.entries[0].kind.is_terminal());
}

#[test]
fn code_that_does_something_else_does_not_go_on() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.schedule_activity("A", "").into_activity().await?;
        ctx.schedule_activity("B", "").into_activity().await
    });
    bench.activity(2, "a").activity_failed(4, broken());
    let other = rewound(&bench, |ctx| async move {
        ctx.schedule_activity("A", "").into_activity().await?;
        ctx.schedule_activity("C", "").into_activity().await
    });
    assert!(other.unwrap_err().is_nondeterminism());
    let early = rewound(&bench, |ctx| async move {
        ctx.schedule_activity("A", "").into_activity().await?;
        Ok(String::new())
    });
    assert!(early.unwrap_err().is_nondeterminism());
    let more = rewound(&bench, |ctx| async move {
        let all = vec![
            ctx.schedule_activity("A", ""),
            ctx.schedule_activity("A2", ""),
        ];
        ctx.join(all).await;
        Ok(String::new())
    });
    assert!(more.unwrap_err().is_nondeterminism());
}

fn terminal(bench: &Bench, details: ErrorDetails) -> Vec<Entry> {
    let mut history = bench.history.clone();
    let entry = |event_id, kind| Entry {
        event_id,
        source_event_id: None,
        timestamp_ms: 2_000,
        message_id: None,
        kind,
    };
    if let ErrorDetails::Application {
        kind: AppErrorKind::Cancelled { reason },
        ..
    } = &details
    {
        let reason = reason.clone();
        let next = history.len() as u64 + 1;
        history.push(entry(
            next,
            EventKind::OrchestrationCancelRequested { reason },
        ));
    }
    let next = history.len() as u64 + 1;
    history.push(entry(next, EventKind::OrchestrationFailed { details }));
    history
}

/// What ended the run from outside says nothing of its steps, even if some have failed.
#[test]
fn a_run_that_was_ended_goes_on_where_it_stood() {
    async fn patient(ctx: OrchestrationContext) -> Result<String, String> {
        ctx.schedule_activity("A", "").into_activity().await.ok();
        Ok(ctx.schedule_wait("E").into_event().await)
    }
    let mut bench = Bench::start(patient);
    bench.activity_failed(2, broken());
    let poison = ErrorDetails::Infrastructure {
        operation: "commit".to_owned(),
        message: String::new(),
        retryable: false,
    };
    for details in [poison, cancelled("enough")] {
        bench.history = terminal(&bench, details);
        let (engine, cut, kept) = rewound(&bench, patient).unwrap();
        assert_eq!((cut.event_id, cut.within_step), (5, true));
        assert!(kept.is_empty());
        assert_eq!(engine.open_topics(), ["E"]);
        bench.history.truncate(4);
    }
}

/// It was ended before its first turn, which is taken now.
#[test]
fn a_run_that_was_never_taken_begins() {
    let mut bench = Bench::start(side_by_side);
    bench.history.truncate(1);
    bench.history = terminal(&bench, cancelled("enough"));
    let (mut engine, ..) = rewound(&bench, side_by_side).unwrap();
    let harvest = engine.harvest();
    assert_eq!(harvest.entries.len(), 4);
    assert_eq!(harvest.entries[0].event_id, 2);
}

#[test]
fn what_has_not_failed_is_not_cut() {
    let mut bench =
        Bench::start(|ctx| async move { ctx.schedule_activity("A", "").into_activity().await });
    assert_eq!(Cut::before_failure(&bench.history), None);
    bench.activity(2, "a");
    assert_eq!(Cut::before_failure(&bench.history), None);
    assert_eq!(Cut::before_failure(&[]), None);
}
