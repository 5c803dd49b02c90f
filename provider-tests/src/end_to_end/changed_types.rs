//! Inputs that are not the same twice, since their types have changed or have no order.

use std::collections::HashMap;

use duroxide_core::{OrchestrationContext, StartOptions};
use serde::{Deserialize, Serialize};

use super::stage::{Code, Text, World};
use crate::support::Cx;

/// What the first code knew of an order.
#[derive(Debug, Serialize, Deserialize)]
struct OldOrder {
    item: String,
}

/// What the next code knows.
#[derive(Debug, Serialize, Deserialize)]
struct NewOrder {
    item: String,
    #[serde(default)]
    gift: Option<String>,
}

trait Order: Serialize + for<'a> Deserialize<'a> + Send + Sync + 'static {
    fn new(item: &str) -> Self;
}

impl Order for OldOrder {
    fn new(item: &str) -> Self {
        let item = item.to_owned();
        Self { item }
    }
}

impl Order for NewOrder {
    fn new(item: &str) -> Self {
        let item = item.to_owned();
        Self { item, gift: None }
    }
}

/// Gives an order to everything that takes an input, and waits before and after it.
async fn order<T: Order>(ctx: OrchestrationContext, _: String) -> Text {
    let order = T::new("tea");
    ctx.schedule_orchestration_typed("Detached", "detached", &order);
    let work = ctx.schedule_activity_typed::<T, T>("Echo", &order);
    work.into_activity_typed::<T>().await?;
    let child = ctx.schedule_sub_orchestration_typed::<T, String>("Child", &order);
    let event = ctx.schedule_wait("Go").into_event().await;
    let child = child.into_sub_orchestration().await?;
    Ok(format!("{event} {child}"))
}

async fn child(ctx: OrchestrationContext, _: String) -> Text {
    Ok(ctx.schedule_wait("Answer").into_event().await)
}

/// A deployment brings a type with one field more. What is under way goes on.
pub(crate) async fn a_type_may_gain_a_field(cx: &Cx) {
    let code = Code::of("Order", order::<OldOrder>)
        .orchestration("Child", child)
        .orchestration("Detached", child);
    let (world, node) = World::with_node(cx, code).await;
    world.begin("order", "Order", "").await;
    world.waits_for("order", "Go").await;
    node.stop().await;

    let code = Code::of("Order", order::<NewOrder>)
        .orchestration("Child", child)
        .orchestration("Detached", child);
    let (world, node) = World::with_node(cx, code).await;
    world.raise("order", "Go", "went").await;
    let child = world.child_of("order").await;
    node.stop().await;
    // And back again, as after a deployment that is undone.
    let code = Code::of("Order", order::<OldOrder>).orchestration("Child", self::child);
    let (world, _node) = World::with_node(cx, code).await;
    world.raise(&child, "Answer", "in time").await;

    assert_eq!(world.output("order").await, "went in time");
}

/// A map without an order is written differently each time, within one process too.
pub(crate) async fn a_map_without_an_order_is_no_change(cx: &Cx) {
    /// So many that two maps hardly ever have the same order.
    const ENTRIES: u32 = 50;
    fn map() -> HashMap<String, u32> {
        (0..ENTRIES)
            .map(|number| (format!("key {number}"), number))
            .collect()
    }
    async fn sums(ctx: OrchestrationContext, _: String) -> Text {
        let mut sum = 0;
        for _ in 0..3 {
            let work = ctx.schedule_activity_typed::<_, HashMap<String, u32>>("Echo", &map());
            let came_back: HashMap<String, u32> = work.into_activity_typed().await?;
            sum += came_back.values().sum::<u32>();
            ctx.schedule_wait("Go").into_event().await;
        }
        if ctx.execution_id() == 1 {
            return ctx.continue_as_new_typed(&map()).await;
        }
        Ok(sum.to_string())
    }
    let world = World::open(cx, Code::of("Sums", sums));
    // Each turn is replayed from the store, and compared.
    let _node = world
        .node_with(|it| it.options.warm_instances_max = 0)
        .await;
    let started =
        world
            .client
            .start_orchestration_with("sums", "Sums", "", StartOptions::default());
    started.await.expect("the id is free");
    for _ in 0..6 {
        world.raise("sums", "Go", "").await;
    }

    let expected = 3 * (0..ENTRIES).sum::<u32>();
    assert_eq!(world.output("sums").await, expected.to_string());
}
