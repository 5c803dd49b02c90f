//! Any program of a small grammar gives the same history and end warm, cold, and replayed from
//! every prefix.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use proptest::prelude::*;

use super::bench::{Bench, EVENTS_MAX};
use crate::event::{Entry, EventKind};
use crate::orchestration::{DurableFuture, OrchestrationContext};
use crate::replay::{End, Failure, Input};

/// One durable operation.
#[derive(Debug, Clone)]
enum Leaf {
    Activity(u8),
    Timer(u8),
    Wait(u8),
    Child(u8),
    Guid,
    UtcNow,
}

/// One statement of a program.
#[derive(Debug, Clone)]
enum Statement {
    Await(Leaf),
    Select(Vec<Leaf>),
    Join(Vec<Leaf>),
    /// Many at once, perhaps more than fit: by `join`, or by a combinator that knows nothing of
    /// durable futures.
    FanOut(Vec<Leaf>, bool),
    /// Scheduled, then dropped a statement later.
    Drop(Leaf, Leaf),
    Detach(u8),
    Raise(u8),
    /// A look into the mailbox, and one that is dropped at once.
    Try(u8, bool),
    /// A wait for whichever comes first, this or a cancellation.
    OrCancelled(Leaf),
    Trace,
    /// Two branches side by side, by a combinator that knows nothing of durable futures.
    Both(Vec<Self>, Vec<Self>),
    ContinueAsNew,
    /// The same, and nobody awaits it.
    AskToContinueAsNew,
    /// What the code is told of its history.
    Look,
    Fail,
}

fn leaf() -> impl Strategy<Value = Leaf> {
    prop_oneof![
        4 => (0..3_u8).prop_map(Leaf::Activity),
        2 => (0..3_u8).prop_map(Leaf::Timer),
        3 => (0..2_u8).prop_map(Leaf::Wait),
        1 => (0..2_u8).prop_map(Leaf::Child),
        1 => Just(Leaf::Guid),
        1 => Just(Leaf::UtcNow),
    ]
}

fn statement() -> impl Strategy<Value = Statement> {
    let simple = prop_oneof![
        6 => leaf().prop_map(Statement::Await),
        3 => prop::collection::vec(leaf(), 1..4).prop_map(Statement::Select),
        3 => prop::collection::vec(leaf(), 0..4).prop_map(Statement::Join),
        2 => (prop::collection::vec(leaf(), 5..30), any::<bool>())
            .prop_map(|(leaves, joins)| Statement::FanOut(leaves, joins)),
        1 => Just(Statement::AskToContinueAsNew),
        1 => Just(Statement::Look),
        2 => (leaf(), leaf()).prop_map(|(dropped, next)| Statement::Drop(dropped, next)),
        1 => (0..3_u8).prop_map(Statement::Detach),
        1 => (0..3_u8).prop_map(Statement::Raise),
        2 => (0..2_u8, any::<bool>()).prop_map(|(name, is_dropped)| Statement::Try(name, is_dropped)),
        2 => leaf().prop_map(Statement::OrCancelled),
        1 => Just(Statement::Trace),
        1 => Just(Statement::ContinueAsNew),
        1 => Just(Statement::Fail),
    ];
    simple.prop_recursive(2, 12, 3, |inner| {
        let branch = prop::collection::vec(inner, 1..3);
        (branch.clone(), branch).prop_map(|(left, right)| Statement::Both(left, right))
    })
}

fn schedule(ctx: &OrchestrationContext, leaf: &Leaf) -> DurableFuture {
    match leaf {
        Leaf::Activity(name) => ctx.schedule_activity(format!("A{name}"), "in"),
        Leaf::Timer(seconds) => ctx.schedule_timer(Duration::from_secs(u64::from(*seconds))),
        Leaf::Wait(name) => ctx.schedule_wait(format!("E{name}")),
        Leaf::Child(name) => ctx.schedule_sub_orchestration(format!("C{name}"), "in"),
        Leaf::Guid => ctx.new_guid_future(),
        Leaf::UtcNow => ctx.utcnow_future(),
    }
}

type Ran = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

fn run(ctx: OrchestrationContext, program: Vec<Statement>) -> Ran {
    Box::pin(async move {
        let mut said = String::new();
        let all = |leaves: &[Leaf]| leaves.iter().map(|leaf| schedule(&ctx, leaf)).collect();
        for statement in &program {
            match statement {
                Statement::Await(leaf) => said += &format!("{:?};", schedule(&ctx, leaf).await),
                Statement::Select(leaves) => {
                    said += &format!("{:?};", ctx.select(all(leaves)).await)
                }
                Statement::Join(leaves) => said += &format!("{:?};", ctx.join(all(leaves)).await),
                Statement::FanOut(leaves, true) => {
                    said += &format!("{:?};", ctx.join(all(leaves)).await)
                }
                Statement::FanOut(leaves, false) => {
                    let all = leaves.iter().map(|leaf| {
                        let ctx = ctx.clone();
                        // Made when it is polled.
                        async move { schedule(&ctx, leaf).await }
                    });
                    said += &format!("{:?};", futures_util::future::join_all(all).await)
                }
                Statement::AskToContinueAsNew => drop(ctx.continue_as_new(said.as_str())),
                Statement::Look => {
                    said += &format!("{}{};", ctx.history_len(), ctx.should_continue_as_new())
                }
                Statement::Drop(dropped, next) => {
                    let mut dropped = schedule(&ctx, dropped);
                    let seen = futures_util::poll!(&mut dropped);
                    said += &format!("{seen:?},{:?};", schedule(&ctx, next).await);
                }
                Statement::Detach(name) => {
                    ctx.schedule_orchestration("D", format!("d{name}"), "in");
                }
                Statement::Raise(name) => ctx.raise_event(format!("i{name}"), "E", "data"),
                Statement::Try(name, is_dropped) => {
                    let mut look = ctx.try_wait(format!("E{name}"));
                    if *is_dropped {
                        said += &format!("{:?};", futures_util::poll!(&mut look));
                    } else {
                        said += &format!("{:?};", look.await);
                    }
                }
                Statement::OrCancelled(leaf) => {
                    let both = ctx.select2(schedule(&ctx, leaf), ctx.cancellation_requested());
                    said += &format!("{:?}{};", both.await, ctx.is_cancellation_requested());
                }
                Statement::Trace => ctx.trace_info("line"),
                Statement::Both(left, right) => {
                    let left = run(ctx.clone(), left.clone());
                    let right = run(ctx.clone(), right.clone());
                    let (left, right) = futures_util::join!(left, right);
                    said += &format!("({left:?}|{right:?});");
                }
                Statement::ContinueAsNew => return ctx.continue_as_new(said).await,
                Statement::Fail => return Err(said),
            }
        }
        Ok(said)
    })
}

/// The input that this number chooses: an answer to any decision, open or closed, or an event.
fn chosen(number: u16, history: &[Entry]) -> Input {
    let text = || format!("r{number}");
    let answers: Vec<Input> = history
        .iter()
        .filter_map(|entry| {
            let kind = match &entry.kind {
                EventKind::ActivityScheduled { .. } => {
                    EventKind::ActivityCompleted { result: text() }
                }
                EventKind::ExternalTried { name } => {
                    EventKind::ExternalAbsent { name: name.clone() }
                }
                EventKind::TimerCreated { fire_at_ms } => EventKind::TimerFired {
                    fire_at_ms: *fire_at_ms,
                },
                EventKind::SubOrchestrationScheduled { .. } => {
                    EventKind::SubOrchestrationCompleted { result: text() }
                }
                _ => return None,
            };
            Some(Input::answering(entry.event_id, kind))
        })
        .collect();
    let choice = usize::from(number) % (answers.len() + 2);
    answers.into_iter().nth(choice).unwrap_or_else(|| {
        if number % 16 == 3 {
            let kind = EventKind::OrchestrationCancelAnnounced {
                reason: text(),
                cancel_at_ms: 1,
            };
            return Input::new(kind).brought_by(Some(uuid::Uuid::nil()));
        }
        let name = format!("E{}", number % 2);
        // Some messages come twice.
        let message = uuid::Uuid::from_u128(u128::from(number % 64));
        Input::new(EventKind::ExternalEvent { name, data: text() }).brought_by(Some(message))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn warm_cold_and_replayed_are_the_same(
        program in prop::collection::vec(statement(), 1..8),
        numbers in prop::collection::vec(any::<u16>(), 0..40),
        events_max in prop_oneof![8..64_u64, Just(EVENTS_MAX)],
    ) {
        let code = move |ctx| run(ctx, program.clone());
        // The bench replays the whole history after every step, so every prefix is replayed.
        let mut warm = Bench::start_capped(events_max, code.clone());
        let mut cold = Bench::start_capped(events_max, code);
        for number in numbers {
            let input = chosen(number, &warm.history);
            warm.input(input.clone());
            if cold.engine.end().is_none() {
                cold.go_cold();
            }
            cold.input(input);
            prop_assert_eq!(&warm.history, &cold.history);
            prop_assert_eq!(&warm.last, &cold.last);
            prop_assert_eq!(warm.engine.end(), cold.engine.end());
        }
        prop_assert!(warm.history.len() as u64 <= events_max);
        if warm.engine.failure().is_none() {
            prop_assert!(warm.replayed_under(1_000_000).is_ok(), "a raised cap changes nothing");
        }
        if let Some(End::Failed { details }) = warm.engine.end() {
            let full = Failure::HistoryFull { events_max };
            let may_be = warm.engine.failure().is_none_or(|failure| *failure == full);
            prop_assert!(may_be, "{:?}", details);
        }
    }
}
