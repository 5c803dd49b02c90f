//! Finding instances, and seeing what they wait for.

use duroxide_core::providers::InstanceStatus;
use duroxide_core::{
    InspectedInstance, InstanceInfo, InstanceQuery, OrchestrationContext, StartOptions,
    StartOutcome,
};

use super::stage::{Code, Gate, Text, World, until};
use crate::support::Cx;

/// Waits for an activity, then for an approval, and begins anew before the last step.
async fn order(ctx: OrchestrationContext, input: String) -> Text {
    if input == "again" {
        return Ok("shipped".to_owned());
    }
    let labels = StartOptions::new().label("kind", "approval");
    ctx.schedule_activity("Charge", "").into_activity().await?;
    let child = ctx.schedule_sub_orchestration_with_options("Approval", "", labels.clone());
    let approved = child.into_sub_orchestration().await?;
    ctx.schedule_orchestration_with_options("Approval", "on its own", approved, labels);
    ctx.continue_as_new("again").await
}

async fn approval(ctx: OrchestrationContext, _: String) -> Text {
    Ok(ctx.schedule_wait("Approved").into_event().await)
}

impl World {
    async fn inspect(&self, instance: &str) -> InspectedInstance {
        let inspected = self.client.inspect(instance).await;
        inspected.expect("the store answers")
    }

    /// The ids of the instances of a query, page by page.
    async fn ids(&self, query: &InstanceQuery) -> Vec<String> {
        let mut query = query.clone();
        let mut ids = Vec::new();
        loop {
            let page = self.client.list(&query).await.expect("the store answers");
            ids.extend(page.instances.into_iter().map(|it| it.instance_id));
            match page.next {
                Some(next) => query = query.after(next),
                None => return ids,
            }
        }
    }

    /// Starts the order `order` of a customer.
    async fn begin_order(&self) {
        let options = StartOptions::new()
            .label("customer", "c-17")
            .label("region", "eu");
        let started = self
            .client
            .start_orchestration_with("order", "Order", "", options);
        assert_eq!(started.await.expect("it is started"), StartOutcome::Started);
    }

    async fn info(&self, instance: &str) -> InstanceInfo {
        let info = self.client.get_instance_info(instance).await;
        info.expect("it is there")
    }

    async fn children(&self, instance: &str) -> Vec<InstanceInfo> {
        let children = self.client.get_children(instance).await;
        children.expect("the store answers")
    }
}

/// What an instance waits for is told while it waits: an activity, a child, and the child for an event.
pub(crate) async fn whoever_waits_says_what_for(cx: &Cx) {
    let gate = Gate::closed();
    let code = Code::of("Order", order).orchestration("Approval", approval);
    let (world, _node) = World::with_node(cx, code.activity("Charge", gate.activity())).await;
    world.begin_order().await;
    until("the activity to run", async || {
        let why = world.inspect("order").await.why();
        (why == ["the activity \"Charge\" runs, for the 1. time"]).then_some(())
    })
    .await;
    let queue = world.client.list_activities("default", None).await;
    let queue = queue.expect("the store answers").activities;
    let seen: Vec<_> = queue
        .iter()
        .map(|it| (&*it.name, &*it.instance_id, it.is_running))
        .collect();
    assert_eq!(seen, [("Charge", "order", true)]);
    gate.open();

    let child = world.child_of("order").await;
    world.waits_for(&child, "Approved").await;
    let children = world.children("order").await;
    assert_eq!(children.len(), 1);
    assert_eq!(children[0].instance_id, child);
    assert_eq!(children[0].parent.as_deref(), Some("order"));
    assert!(world.children(&child).await.is_empty());
    let why = world.inspect(&child).await.why();
    assert_eq!(why, ["it waits for the event \"Approved\""]);
    world.raise(&child, "Approved", "by Ada").await;
    assert_eq!(world.output("order").await, "shipped");
    assert!(world.inspect("order").await.why().is_empty());
}

/// Labels are the instance's: those of a start, of a child and of a detached one, through every execution and
/// after the end.
pub(crate) async fn instances_are_found_by_what_their_starts_say(cx: &Cx) {
    let echo = |_, input: String| async move { Ok(input) };
    let code = Code::of("Order", order).orchestration("Approval", approval);
    let (world, _node) = World::with_node(cx, code.activity("Charge", echo)).await;
    world.begin_order().await;
    world.begin("other", "Approval", "").await;
    let child = world.child_of("order").await;
    world.waits_for(&child, "Approved").await;
    let of_customer = InstanceQuery::new().label("customer", "c-17");
    assert_eq!(world.ids(&of_customer).await, ["order"]);
    let newest_first = of_customer.clone().newest_first();
    assert_eq!(world.ids(&newest_first).await, ["order"]);
    let approvals = InstanceQuery::new().label("kind", "approval").limit(1);
    assert_eq!(world.ids(&approvals).await, std::slice::from_ref(&child));
    world.raise(&child, "Approved", "by Ada").await;
    assert_eq!(world.output("order").await, "shipped");

    let ended = of_customer
        .status(InstanceStatus::Completed)
        .orchestration("Order");
    assert_eq!(world.ids(&ended).await, ["order"]);
    let info = world.info("order").await;
    assert_eq!(info.labels["region"], "eu");
    assert_eq!((info.current_execution_id, info.parent), (2, None));
    assert_eq!(
        world.ids(&approvals).await,
        ["on its own".to_owned(), child]
    );
    assert_eq!(world.info("on its own").await.parent, None);
    let waiting = InstanceQuery::new()
        .orchestration("Approval")
        .status(InstanceStatus::Running);
    until("both to wait", async || {
        let waiting = world.ids(&waiting).await;
        (waiting == ["on its own", "other"]).then_some(())
    })
    .await;
}

/// Mail that nobody awaits, a suspension and a full metric: what a dashboard shows of a store.
pub(crate) async fn a_store_is_seen_as_it_stands(cx: &Cx) {
    let world = World::open(cx, Code::of("Approval", approval));
    world.begin("a", "Approval", "").await;
    world.begin("b", "Approval", "").await;
    world.raise("a", "Approved", "yes").await;
    world.raise("a", "Ignored", "so").await;
    let metrics = world
        .client
        .get_store_metrics()
        .await
        .expect("the store answers");
    assert_eq!(metrics.totals.running_instances, 2);
    assert_eq!(metrics.depths.orchestrator_queue, 2);
    let [load] = &metrics.turn_queues[..] else {
        panic!("{metrics:?}")
    };
    assert_eq!(
        (load.queue.as_str(), load.claimable, load.later),
        ("default", 2, 0)
    );
    assert!(load.oldest_waits_ms.is_some());
    let seen = world.inspect("a").await;
    let events: Vec<_> = seen.messages.iter().map(|it| it.event.as_deref()).collect();
    assert_eq!(events, [None, Some("Approved"), Some("Ignored")]);
    assert_eq!(seen.messages[0].kind, "a start");
    assert_eq!(
        seen.why(),
        ["a start waits for a runtime that serves the queue \"default\""]
    );

    let suspended = world.client.suspend_instance("b").await;
    suspended.expect("the store takes it");
    let node = world.node().await;
    until("the suspension", async || {
        let suspended = InstanceQuery::new().suspended(true);
        (world.ids(&suspended).await == ["b"]).then_some(())
    })
    .await;
    let why = world.inspect("b").await.why();
    assert!(why[0].starts_with("it is suspended"), "{why:?}");
    assert_eq!(world.output("a").await, "yes");
    let left = world.inspect("a").await.messages;
    assert_eq!((left.len(), left[0].event.as_deref()), (1, Some("Ignored")));
    drop(node);
}
