//! Histories of another instance, and code that is led through a copy of them.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::bench::Bench;
use crate::event::{Entry, EventKind};
use crate::limits::CONTINUE_AS_NEW_BYTES;
use crate::orchestration::OrchestrationContext;
use crate::replay::{Engine, Failure, Identity, Input, Journal, Moment, Root, TokenKind};

const LATER: Moment = Moment {
    now_ms: 100_000,
    seed: 7,
};

/// An engine of the fork `f`, which is another instance than that of the bench.
fn fork_of<F, Fut>(code: F) -> Engine
where
    F: Fn(OrchestrationContext) -> Fut,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    let identity = Identity {
        instance: "f".to_owned(),
        incarnation: Uuid::from_u128(5),
        execution: 1,
        orchestration: "Code".to_owned(),
        version: "1.0.0".to_owned(),
    };
    let journal = Journal::new(identity, super::bench::EVENTS_MAX);
    let root: Root = Box::pin(code(OrchestrationContext::on(&journal)));
    Engine::new(journal, root)
}

/// The engine of a fork and its history: a copy that ends before this event and says what the fork's code does,
/// and what the code has done since.
fn forked<F, Fut>(bench: &Bench, before: u64, code: F) -> Result<(Engine, Vec<Entry>), Failure>
where
    F: Fn(OrchestrationContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    let mut copy = bench.history.clone();
    copy.retain(|entry| entry.event_id < before);
    let mut engine = Engine::of_copy(|| fork_of(&code), &mut copy, Some(LATER), &[])?;
    copy.extend(engine.harvest().entries);
    // Whoever has the fork next replays it as any other history.
    fork_of(&code).replay(copy.clone())?;
    Ok((engine, copy))
}

async fn naming(ctx: OrchestrationContext) -> Result<String, String> {
    let own = ctx.instance_id();
    ctx.schedule_orchestration("Detached", format!("{own}/job"), own);
    ctx.raise_event(format!("{own}/peer"), "Hello", own);
    ctx.set_value("own", own)?;
    let first = ctx.schedule_sub_orchestration("Child", own);
    let given_up = ctx.schedule_sub_orchestration("Child", own);
    ctx.select2(first, given_up).await;
    let activity = ctx.schedule_activity("A", own);
    let second = ctx.schedule_sub_orchestration("Child", own);
    ctx.join(vec![activity, second]).await;
    Ok(String::new())
}

fn named(entries: &[Entry]) -> Vec<(u64, String)> {
    let name = |entry: &Entry| {
        let (EventKind::OrchestrationChained { instance, .. }
        | EventKind::ExternalEventRaised { instance, .. }
        | EventKind::SubOrchestrationScheduled { instance, .. }) = &entry.kind
        else {
            return None;
        };
        Some((entry.event_id, instance.clone()))
    };
    entries.iter().filter_map(name).collect()
}

#[test]
fn a_copy_names_what_the_code_of_the_fork_does() {
    let mut bench = Bench::start(naming);
    bench.child(5, "done");
    let end = bench.history.len() as u64 + 1;

    let (engine, copy) = forked(&bench, end, naming).unwrap();

    let copied = named(&copy);
    let at = |id| {
        let found = copied.iter().find(|it| it.0 == id);
        found.expect("it is there").1.as_str()
    };
    assert_eq!((at(2), at(3)), ("f/job", "f/peer"));
    for id in [5, 6, 9] {
        assert_eq!(at(id), format!("f::sub::{id}-00000000"));
    }
    assert_eq!(engine.open_operations(), BTreeSet::from([8, 9]));
    let input = |id: usize| {
        let kind = &copy[id - 1].kind;
        let (EventKind::ActivityScheduled { input, .. }
        | EventKind::SubOrchestrationScheduled { input, .. }) = kind
        else {
            panic!("{kind:?}")
        };
        input.as_str()
    };
    assert_eq!([input(8), input(9)], ["f", "f"], "as the code asks now");
    assert_ne!(input(5), "f", "as it was done");
    // A value is what the history says it is.
    let own = bench.history.iter().find_map(|entry| {
        let EventKind::ValueSet { value, .. } = &entry.kind else {
            return None;
        };
        value.clone()
    });
    assert_eq!(engine.values().get("own"), own.as_ref());
    assert_eq!(copy.len(), bench.history.len());
}

/// The child that is given up later is the one that was begun for the fork.
#[test]
fn a_fork_gives_up_its_own_child() {
    async fn racing(ctx: OrchestrationContext) -> Result<String, String> {
        let child = ctx.schedule_sub_orchestration("Child", "");
        let event = ctx.schedule_wait("E");
        ctx.select2(child, event).await;
        Ok(String::new())
    }
    let bench = Bench::start(racing);
    let (mut engine, _) = forked(&bench, 4, racing).unwrap();
    let event = EventKind::ExternalEvent {
        name: "E".to_owned(),
        data: String::new(),
    };
    engine.step(&Input::new(event).taken_by(Some(3)), LATER);
    let withdrawn = engine.harvest().withdrawn;
    let instance = "f::sub::2-00000000".into();
    assert_eq!(withdrawn.get(&2), Some(&TokenKind::Child { instance }));
}

/// Within a step that is cut the code goes on as it likes, and before that it must do what it did.
#[test]
fn a_copy_may_end_within_a_step() {
    async fn three(ctx: OrchestrationContext) -> Result<String, String> {
        let all = ["A", "B", "C"].map(|name| ctx.schedule_activity(name, ""));
        ctx.join(all.into()).await;
        Ok(String::new())
    }
    let mut bench = Bench::start(three);
    bench.activity(2, "a");
    async fn other(ctx: OrchestrationContext) -> Result<String, String> {
        let all = ["A", "B2"].map(|name| ctx.schedule_activity(name, ""));
        ctx.join(all.into()).await;
        Ok(String::new())
    }
    let (engine, copy) = forked(&bench, 3, other).unwrap();
    assert!(
        matches!(&copy[2..], [Entry { kind: EventKind::ActivityScheduled { name, .. }, .. }] if name == "B2"),
        "{copy:?}"
    );
    assert_eq!(engine.open_operations(), BTreeSet::from([2, 3]));
    let unfit = forked(&bench, 5, other);
    assert!(unfit.unwrap_err().is_nondeterminism());
}

/// Values are the instance's, also if the copy ends where the next execution takes them over.
#[test]
fn a_copy_may_end_with_the_next_execution() {
    async fn handing_on(ctx: OrchestrationContext) -> Result<String, String> {
        ctx.set_value("colour", "red")?;
        ctx.schedule_wait("E").await;
        ctx.continue_as_new("next").await
    }
    let mut bench = Bench::start(handing_on);
    bench.event("E", "");
    let end = bench.history.len() as u64;
    let (engine, copy) = forked(&bench, end, handing_on).unwrap();
    assert_eq!(copy.len(), bench.history.len());
    assert_eq!(
        engine.values().get("colour").map(String::as_str),
        Some("red")
    );
}

/// How long a history is follows from what is stored of the fork, for the engine that has begun it and for
/// one that replays it later.
#[test]
fn a_copy_is_as_long_as_what_is_stored() {
    /// Asks for little or much, and again.
    async fn asking(ctx: OrchestrationContext) -> Result<String, String> {
        let is_fork = ctx.instance_id() == "f";
        let open = ctx.schedule_activity(
            "A",
            "x".repeat(usize::from(is_fork) * CONTINUE_AS_NEW_BYTES),
        );
        ctx.select2(open, ctx.schedule_wait("E")).await;
        let is_long = ctx.should_continue_as_new();
        ctx.schedule_activity("B", is_long.to_string())
            .into_activity()
            .await
    }
    let bench = Bench::start(asking);
    let end = bench.history.len() as u64 + 1;
    let (mut engine, mut copy) = forked(&bench, end, asking).unwrap();
    let event = EventKind::ExternalEvent {
        name: "E".to_owned(),
        data: String::new(),
    };
    engine.step(&Input::new(event).taken_by(Some(3)), LATER);
    let went_on = engine.harvest().entries;
    assert!(
        matches!(&went_on[..], [.., Entry { kind: EventKind::ActivityScheduled { input, .. }, .. }] if input == "true"),
        "{} events",
        went_on.len()
    );
    copy.extend(went_on);
    let mut replayed = fork_of(asking);
    replayed.compare_inputs();
    replayed.replay(copy).unwrap();
}

/// A name of another length makes no history longer.
#[test]
fn a_copy_is_as_long_as_the_history() {
    async fn naming_long(ctx: OrchestrationContext) -> Result<String, String> {
        let own = ctx.instance_id();
        let large = "x".repeat(CONTINUE_AS_NEW_BYTES - 1_000);
        let named = own.repeat(if own == "f" { 2_000 } else { 1 });
        ctx.raise_event(named.clone(), "Hello", large);
        ctx.schedule_orchestration("Detached", named, "");
        let is_long = ctx.should_continue_as_new();
        ctx.schedule_activity(if is_long { "Long" } else { "Short" }, "")
            .into_activity()
            .await
    }
    let bench = Bench::start(naming_long);
    let end = bench.history.len() as u64 + 1;
    let (_, copy) = forked(&bench, end, naming_long).unwrap();
    let (EventKind::ActivityScheduled { name, .. }, Some((_, named))) =
        (&copy[copy.len() - 1].kind, named(&copy).into_iter().next())
    else {
        panic!("{}", copy.len())
    };
    assert_eq!((name.as_str(), named.len()), ("Short", 2_000));
}

/// Without a copy another id is another decision.
#[test]
fn only_a_copy_is_adapted() {
    let bench = Bench::start(naming);
    let replayed = fork_of(naming).replay(bench.history.clone());
    assert!(replayed.unwrap_err().is_nondeterminism());
}
