//! Orchestrations made of orchestrations.

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, DurableOutput, OrchestrationContext, OrchestrationRegistry,
    OrchestrationRegistryBuilder,
};
use serde::{Deserialize, Serialize};

use crate::support::{Text, World, no_activities};

fn upper_activity() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Upper", |_: ActivityContext, text: String| async move {
            Ok(text.to_uppercase())
        })
        .build()
}

async fn shout(ctx: OrchestrationContext, text: String) -> Text {
    let upper = ctx.schedule_activity("Upper", text).into_activity().await?;
    Ok(format!("{upper}!"))
}

fn with_shout() -> OrchestrationRegistryBuilder {
    OrchestrationRegistry::builder().register("Shout", shout)
}

/// Teaches: an orchestration calls another and waits for its result. The child is an instance of
/// its own, with an id that follows from the parent's.
#[tokio::test]
async fn sample_sub_orchestration() {
    async fn parent(ctx: OrchestrationContext, text: String) -> Text {
        let shouted = ctx
            .schedule_sub_orchestration("Shout", text)
            .into_sub_orchestration()
            .await?;
        Ok(format!("child said {shouted}"))
    }
    let orchestrations = with_shout().register("Parent", parent).build();
    let world = World::on_sqlite(upper_activity(), orchestrations).await;

    assert_eq!(
        world.run("parent", "Parent", "hey").await,
        "child said HEY!"
    );
    let child = world.child_of("parent").await;
    assert!(child.starts_with("parent::sub::2-"), "{child}");
    assert_eq!(world.output(&child).await, "HEY!");
    let descriptor = world
        .runtime
        .get_orchestration_descriptor(&child)
        .await
        .unwrap();
    assert_eq!(descriptor.parent_instance.as_deref(), Some("parent"));
    assert_eq!(descriptor.parent_id, Some(2));
    world.shutdown().await;
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    item: String,
    amount: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Price {
    cents: u32,
}

/// Teaches: inputs and outputs of children can be any serde type.
#[tokio::test]
async fn sample_sub_orchestration_typed() {
    async fn price(_ctx: OrchestrationContext, order: Order) -> Result<Price, String> {
        let each = u32::try_from(order.item.len()).unwrap() * 100;
        std::future::ready(Ok(Price {
            cents: each * order.amount,
        }))
        .await
    }
    async fn total(ctx: OrchestrationContext, orders: Vec<Order>) -> Result<Price, String> {
        let mut cents = 0;
        for order in &orders {
            let child = ctx.schedule_sub_orchestration_typed::<Order, Price>("Price", order);
            cents += child.into_sub_orchestration_typed::<Price>().await?.cents;
        }
        Ok(Price { cents })
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Price", price)
        .register_typed("Total", total)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    let orders = vec![
        Order {
            item: "tea".to_owned(),
            amount: 2,
        },
        Order {
            item: "cake".to_owned(),
            amount: 1,
        },
    ];
    world
        .client
        .start_orchestration_typed("total", "Total", orders)
        .await
        .unwrap();
    world.output("total").await;
    let total = world
        .client
        .wait_for_orchestration_typed::<Price>("total", crate::support::PATIENCE)
        .await;
    assert_eq!(total.unwrap(), Ok(Price { cents: 1_000 }));
    world.shutdown().await;
}

/// Teaches: a parent may ask for a version of its child; otherwise the registry's policy decides.
#[tokio::test]
async fn sample_sub_orchestration_versioned() {
    async fn parent(ctx: OrchestrationContext, _input: String) -> Text {
        let old = ctx
            .schedule_sub_orchestration_versioned("Child", Some("1.0.0".to_owned()), "")
            .into_sub_orchestration()
            .await?;
        let latest = ctx
            .schedule_sub_orchestration_versioned("Child", None, "")
            .into_sub_orchestration()
            .await?;
        Ok(format!("{old} {latest}"))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Child", |_: OrchestrationContext, _: String| async {
            Ok("one".to_owned())
        })
        .register_versioned(
            "Child",
            "2.0.0",
            |_: OrchestrationContext, _: String| async { Ok("two".to_owned()) },
        )
        .register("Parent", parent)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    assert_eq!(world.run("parent", "Parent", "").await, "one two");
    world.shutdown().await;
}

/// Teaches: fan-out over children.
#[tokio::test]
async fn sample_sub_orchestration_fan_out() {
    async fn parent(ctx: OrchestrationContext, words: String) -> Text {
        let children = words
            .split(' ')
            .map(|word| ctx.schedule_sub_orchestration("Shout", word))
            .collect();
        let mut shouts = Vec::new();
        for output in ctx.join(children).await {
            if let DurableOutput::SubOrchestration(shouted) = output {
                shouts.push(shouted?);
            }
        }
        shouts.sort();
        Ok(shouts.join(" "))
    }
    let orchestrations = with_shout().register("Parent", parent).build();
    let world = World::on_sqlite(upper_activity(), orchestrations).await;

    assert_eq!(
        world.run("parent", "Parent", "a b c d e").await,
        "A! B! C! D! E!"
    );
    world.shutdown().await;
}

/// Teaches: children have children.
#[tokio::test]
async fn sample_sub_orchestration_nested() {
    async fn factorial(ctx: OrchestrationContext, n: u64) -> Result<u64, String> {
        if n < 2 {
            return Ok(1);
        }
        let below = n - 1;
        let child = ctx.schedule_sub_orchestration_typed::<u64, u64>("Factorial", &below);
        Ok(n * child.into_sub_orchestration_typed::<u64>().await?)
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Factorial", factorial)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    assert_eq!(world.run("f", "Factorial", "5").await, "120");
    let child = world.child_of("f").await;
    let grandchild = world.child_of(&child).await;
    assert!(grandchild.starts_with("f::sub::2-") && grandchild.contains("::sub::2-"));
    assert_eq!(world.output(&grandchild).await, "6");
    world.shutdown().await;
}

/// Teaches: a child's failure is an ordinary `Err` for its parent.
#[tokio::test]
async fn sample_sub_orchestration_failing() {
    async fn parent(ctx: OrchestrationContext, child: String) -> Text {
        match ctx
            .schedule_sub_orchestration(child, "")
            .into_sub_orchestration()
            .await
        {
            Ok(output) => Ok(output),
            Err(error) => Ok(format!("survived: {error}")),
        }
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Failing", |_: OrchestrationContext, _: String| async {
            Err("no luck".to_owned())
        })
        .register("Parent", parent)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    assert_eq!(
        world.run("p1", "Parent", "Failing").await,
        "survived: no luck"
    );
    assert_eq!(
        world.run("p2", "Parent", "Absent").await,
        "survived: unregistered:Absent"
    );
    world.shutdown().await;
}

/// Teaches: a detached orchestration is started for sure and lives its own life.
#[tokio::test]
async fn sample_detached_orchestration() {
    async fn parent(ctx: OrchestrationContext, text: String) -> Text {
        ctx.schedule_orchestration("Shout", "shout-1", text.clone());
        ctx.schedule_orchestration("Shout", "shout-2", text);
        Ok("not waiting".to_owned())
    }
    let orchestrations = with_shout().register("Parent", parent).build();
    let world = World::on_sqlite(upper_activity(), orchestrations).await;

    assert_eq!(world.run("parent", "Parent", "hey").await, "not waiting");
    crate::support::until("the first detached one", async || {
        world.client.get_instance_info("shout-1").await.ok()
    })
    .await;
    assert_eq!(world.output("shout-1").await, "HEY!");
    assert_eq!(world.output("shout-2").await, "HEY!");
    world.shutdown().await;
}
