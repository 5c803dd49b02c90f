//! Services with queues of their own on one store.

use duroxide_core::{OrchestrationContext, StartOptions, StartOutcome};

use super::stage::{Code, Habits, Node, Text, World, until};
use crate::support::Cx;

/// How many instances of each service.
const INSTANCES: usize = 10;

async fn echo_as_activity(ctx: OrchestrationContext, input: String) -> Text {
    ctx.schedule_activity("Echo", input).into_activity().await
}

/// A node serves these queues of turns.
fn serving(queues: &[&str]) -> impl FnOnce(&mut Habits) {
    let queues = queues.iter().map(|&name| name.to_owned()).collect();
    |habits: &mut Habits| habits.options.turn_queues = queues
}

async fn begin_in(world: &World, queue: &str, instance: &str, orchestration: &str) {
    let options = StartOptions::new().with_queue(queue);
    let started = world
        .client
        .start_orchestration_with(instance, orchestration, queue, options);
    let started = started.await.expect("the store takes the start");
    assert_eq!(started, StartOutcome::Started);
}

/// Neither has met anything that it had no code for.
fn assert_never_met(nodes: &[&Node]) {
    for node in nodes {
        assert_eq!(node.metrics().given_back_not_registered, 0);
    }
}

/// Two services with different code on one store: neither ever claims the other's.
pub(crate) async fn two_services_share_a_store(cx: &Cx) {
    let world = World::open(cx, Code::new());
    let services = ["orders", "mail"];
    let instances = || {
        let numbers = 0..INSTANCES;
        numbers.flat_map(move |number| services.map(|it| (it, format!("{it} {number}"))))
    };
    for (service, instance) in instances() {
        begin_in(&world, service, &instance, service).await;
    }
    let orders = Code::of("orders", echo_as_activity);
    let orders = world.node_of(orders, serving(&["orders"])).await;
    let mail = Code::of("mail", echo_as_activity);
    let mail = world.node_of(mail, serving(&["mail"])).await;
    for (service, instance) in instances() {
        assert_eq!(world.output(&instance).await, service);
    }
    assert_never_met(&[&orders, &mail]);
}

/// Children, detached orchestrations and activities stay with the service that schedules them, but
/// for those that are sent to another one by name.
pub(crate) async fn a_service_keeps_what_it_starts(cx: &Cx) {
    let parent = |ctx: OrchestrationContext, _: String| async move {
        ctx.schedule_orchestration("child", "detached", "on its own");
        let child = ctx.schedule_sub_orchestration("child", "a child");
        let child = child.into_sub_orchestration().await?;
        let options = StartOptions::new().with_queue("mail");
        let sent = ctx.schedule_sub_orchestration_with_options("letter", "sent", options);
        let sent = sent.into_sub_orchestration().await?;
        Ok(format!("{child}, {sent}"))
    };
    let world = World::open(cx, Code::new());
    let orders = Code::of("parent", parent).orchestration("child", echo_as_activity);
    let orders = world.node_of(orders, serving(&["orders"])).await;
    let mail = Code::of("letter", echo_as_activity);
    let mail = world.node_of(mail, serving(&["mail"])).await;

    begin_in(&world, "orders", "a", "parent").await;

    assert_eq!(world.output("a").await, "a child, sent");
    assert_eq!(world.output("detached").await, "on its own");
    let child = world.child_of("a").await;
    for (instance, queue) in [("a", "orders"), ("detached", "orders"), (&*child, "orders")] {
        let info = world.client.get_instance_info(instance).await;
        assert_eq!(info.expect("it is there").queue, queue, "{instance}");
    }
    assert_never_met(&[&orders, &mail]);
}

/// An activity that names a queue runs where that queue is served, and nowhere else.
pub(crate) async fn an_activity_goes_to_the_queue_it_names(cx: &Cx) {
    let render = |ctx: OrchestrationContext, input: String| async move {
        let options = duroxide_core::ActivityOptions::new().with_queue("gpu");
        let rendered = ctx.schedule_activity_with_options("Render", input, options);
        rendered.into_activity().await
    };
    let world = World::open(cx, Code::new());
    let orders = world.node_of(Code::of("render", render), |_| {}).await;
    world.begin("a", "render", "done").await;
    until("the activity is there", async || {
        let history = world.history("a").await;
        (history.len() > 1).then_some(())
    })
    .await;
    let gpu = Code::new().activity("Render", |_, input| async move { Ok(input) });
    let gpu = world
        .node_of(gpu, |habits| {
            habits.options.turn_queues = Vec::new();
            habits.options.activity_queues = [("gpu".to_owned(), 2)].into();
        })
        .await;
    assert_eq!(world.output("a").await, "done");
    assert_never_met(&[&orders, &gpu]);
}
