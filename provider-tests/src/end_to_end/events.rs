//! People and other programs that raise events.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use duroxide_core::{
    DurableFuture, DurableOutput, EventKind, OrchestrationContext, RaiseOptions, RaiseOutcome,
};

use super::stage::{Code, Gate, Text, World, count};
use crate::support::Cx;

/// Takes two events and says in which order they came.
async fn two_signatures(ctx: OrchestrationContext, _: String) -> Text {
    let first = ctx.schedule_wait("Sign").into_event().await;
    let second = ctx.schedule_wait("Sign").into_event().await;
    Ok(format!("{first}, {second}"))
}

/// A singleton lives on when somebody sends it what it cannot read.
pub(crate) async fn a_malformed_event_is_an_error(cx: &Cx) {
    async fn counter(ctx: OrchestrationContext, _: String) -> Text {
        let mut sum = 0;
        let mut errors = 0;
        while sum < 5 {
            let number = ctx.schedule_wait("Number").into_event_result_typed::<u32>();
            match number.await {
                Ok(number) => sum += number,
                Err(_) => errors += 1,
            }
        }
        Ok(format!("{sum} {errors}"))
    }
    let (world, _node) = World::with_node(cx, Code::of("Counter", counter)).await;
    world.begin("counter", "Counter", "").await;
    for data in ["2", "two", "", "3"] {
        world.raise("counter", "Number", data).await;
    }

    assert_eq!(world.output("counter").await, "5 2");
}

pub(crate) async fn events_after_their_wait_come_in_order(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Contract", two_signatures)).await;
    world.begin("contract", "Contract", "").await;
    world.waits_for("contract", "Sign").await;

    world.raise("contract", "Sign", "Ada").await;
    world.raise("contract", "Sign", "Grace").await;

    assert_eq!(world.output("contract").await, "Ada, Grace");
}

/// What nobody waits for yet is kept, beside a node that works on something else and before there
/// is a node at all.
pub(crate) async fn events_before_their_wait_are_kept(cx: &Cx) {
    async fn first_work(ctx: OrchestrationContext, input: String) -> Text {
        ctx.schedule_activity("Work", "").into_activity().await?;
        two_signatures(ctx, input).await
    }
    let gate = Gate::closed();
    let code = Code::of("Contract", first_work).activity("Work", gate.activity());
    let world = World::open(cx, code);
    world.begin("contract", "Contract", "").await;
    world.raise("contract", "Sign", "Ada").await;
    let _node = world.node().await;
    gate.begun(1).await;
    world.raise("contract", "Sign", "Grace").await;

    gate.open();

    assert_eq!(world.output("contract").await, "Ada, Grace");
}

/// An event with an id is one event, however often it is sent: while it waits for a node, after it
/// was received, and beside others.
pub(crate) async fn a_repeated_event_is_delivered_once(cx: &Cx) {
    async fn raise(world: &World, event_id: &str, data: &str) {
        let options = RaiseOptions::new().event_id(event_id);
        let raised = world
            .client
            .raise_event_with("contract", "Sign", data, options);
        let outcome = raised.await.expect("the instance is there");
        assert_eq!(outcome, RaiseOutcome::Delivered);
    }
    let world = World::open(cx, Code::of("Contract", two_signatures));
    world.begin("contract", "Contract", "").await;
    raise(&world, "1", "Ada").await;
    raise(&world, "1", "Ada").await;
    let _node = world.node().await;
    let is_event = |kind: &EventKind| matches!(kind, EventKind::ExternalEvent { .. });
    world.reaches("contract", is_event).await;
    raise(&world, "1", "Ada").await;

    raise(&world, "2", "Grace").await;

    assert_eq!(world.output("contract").await, "Ada, Grace");
    assert_eq!(count(&world.history("contract").await, is_event), 2);
}

/// Waits for an answer as many seconds as the input says.
async fn ask(ctx: OrchestrationContext, seconds: String) -> Text {
    let seconds = seconds.parse().map_err(|_| "no number".to_owned())?;
    let answer = ctx.schedule_wait("Answer");
    let deadline = ctx.schedule_timer(Duration::from_secs(seconds));
    match ctx.select2(answer, deadline).await {
        (_, DurableOutput::External(answer)) => Ok(answer),
        _ => Ok("no answer".to_owned()),
    }
}

/// A timer that is not needed any more keeps nobody waiting.
pub(crate) async fn an_event_outruns_a_timer(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Ask", ask)).await;
    world.begin("ask", "Ask", "3600").await;
    world.waits_for("ask", "Answer").await;

    world.raise("ask", "Answer", "yes").await;

    assert_eq!(world.output("ask").await, "yes");
}

pub(crate) async fn a_timer_outruns_an_event(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Ask", ask)).await;

    assert_eq!(world.run("ask", "Ask", "1").await, "no answer");
}

/// Four senders at once: nothing is lost, and each sender's events keep their order.
pub(crate) async fn senders_at_once_lose_nothing(cx: &Cx) {
    const SENDERS: usize = 4;
    const EVENTS: usize = 25;
    async fn collect(ctx: OrchestrationContext, _: String) -> Text {
        let mut taken = Vec::new();
        for _ in 0..SENDERS * EVENTS {
            taken.push(ctx.schedule_wait("Item").into_event().await);
        }
        Ok(taken.join(" "))
    }
    let (world, _node) = World::with_node(cx, Code::of("Collect", collect)).await;
    world.begin("all", "Collect", "").await;

    let sending = (0..SENDERS).map(|sender| {
        let client = world.client.clone();
        tokio::spawn(async move {
            for number in 0..EVENTS {
                let item = format!("{sender}.{number}");
                let raised = client.raise_event("all", "Item", item).await;
                raised.expect("the instance is there");
            }
        })
    });
    for sender in sending.collect::<Vec<_>>() {
        sender.await.expect("no sender panics");
    }

    let output = world.output("all").await;
    for sender in 0..SENDERS {
        let prefix = format!("{sender}.");
        let of_sender = output.split(' ').filter_map(|it| it.strip_prefix(&prefix));
        let expected: Vec<String> = (0..EVENTS).map(|number| number.to_string()).collect();
        assert_eq!(of_sender.collect::<Vec<_>>(), expected, "sender {sender}");
    }
}

/// Two events lie in the inbox: the first lets the instance schedule something, the second withdraws it
/// within the same turn. It is never begun.
pub(crate) async fn what_a_turn_withdraws_is_never_begun(cx: &Cx) {
    async fn drops(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_wait("approve").into_event().await;
        let work = ctx.schedule_activity("Work", "");
        let abort = ctx.schedule_wait("abort");
        let (first, _) = ctx.select2(work, abort).await;
        Ok(first.to_string())
    }
    async fn ends(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_wait("approve").into_event().await;
        let mut work = ctx.schedule_activity("Work", "");
        let mut child = ctx.schedule_sub_orchestration("Child", "");
        let mut timer = ctx.schedule_timer(Duration::from_hours(1));
        schedule(&mut work).await;
        schedule(&mut child).await;
        schedule(&mut timer).await;
        ctx.schedule_wait("abort").into_event().await;
        Ok("1".to_owned())
    }
    async fn hands_over(ctx: OrchestrationContext, round: String) -> Text {
        if round == "2" {
            return Ok("1".to_owned());
        }
        ctx.schedule_wait("approve").into_event().await;
        let mut work = ctx.schedule_activity("Work", "");
        let mut child = ctx.schedule_sub_orchestration("Child", "");
        schedule(&mut work).await;
        schedule(&mut child).await;
        ctx.schedule_wait("abort").into_event().await;
        ctx.continue_as_new("2").await
    }
    async fn child(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_activity("Work", "").into_activity().await
    }
    let gate = Gate::closed();
    let code = Code::of("Drops", drops)
        .orchestration("Ends", ends)
        .orchestration("HandsOver", hands_over)
        .orchestration("Child", child)
        .activity("Work", gate.activity());
    let world = World::open(cx, code);
    for name in ["Drops", "Ends", "HandsOver"] {
        world.begin(name, name, "1").await;
        world.raise(name, "approve", "").await;
        world.raise(name, "abort", "").await;
    }

    let _node = world.node().await;

    for name in ["Drops", "Ends", "HandsOver"] {
        assert_eq!(world.output(name).await, "1", "{name}");
    }
    // What comes later is begun later: nothing of theirs can be on its way any more.
    world.begin("last", "Child", "").await;
    gate.begun(1).await;
    gate.open();
    assert_eq!(world.output("last").await, "");
    assert_eq!(gate.runs(), 1);
    let instances = world.client.list_all_instances().await;
    if let Ok(instances) = instances {
        assert_eq!(instances, ["Drops", "Ends", "HandsOver", "last"]);
    }
}

/// Polls a durable operation once, so that it is scheduled.
pub(super) async fn schedule(operation: &mut DurableFuture) {
    poll_fn(|cx| {
        let is_pending = Pin::new(&mut *operation).poll(cx).is_pending();
        assert!(is_pending, "nothing has answered it yet");
        Poll::Ready(())
    })
    .await;
}
