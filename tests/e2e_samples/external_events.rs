//! Waiting for the world outside: people, webhooks, other systems.

use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::{
    DurableOutput, EventKind, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus,
};

use crate::support::{Text, World, no_activities};

/// Teaches: an orchestration waits for an event by name, for as long as it takes.
#[tokio::test]
async fn sample_external_event_after_the_wait() {
    async fn order(ctx: OrchestrationContext, _input: String) -> Text {
        let payment = ctx.schedule_wait("Paid").into_event().await;
        Ok(format!("paid {payment}"))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Order", order)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world.begin("order", "Order", "").await;
    world.waits_for("order", "Paid").await;
    world
        .raise("order", "Unrelated", "is kept and harms nobody")
        .await;
    world.raise("order", "Paid", "20 €").await;
    assert_eq!(world.output("order").await, "paid 20 €");
    world.shutdown().await;
}

/// Teaches: an event that comes before anybody waits for it is kept.
#[tokio::test]
async fn sample_external_event_before_the_wait() {
    async fn order(ctx: OrchestrationContext, _input: String) -> Text {
        ctx.schedule_wait("Open").into_event().await;
        let payment = ctx.schedule_wait("Paid").into_event().await;
        Ok(format!("paid {payment}"))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Order", order)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world.begin("order", "Order", "").await;
    world.raise("order", "Paid", "early").await;
    world.raise("order", "Open", "").await;
    assert_eq!(world.output("order").await, "paid early");
    world.shutdown().await;
}

/// Teaches: events of one name are delivered in the order of their arrival, each to one wait; two
/// equal ones are two.
#[tokio::test]
async fn sample_external_events_in_order() {
    async fn collect(ctx: OrchestrationContext, _input: String) -> Text {
        let mut items = Vec::new();
        while items.len() < 4 {
            items.push(ctx.schedule_wait("Item").into_event().await);
        }
        Ok(items.join(","))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Collect", collect)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world.begin("collect", "Collect", "").await;
    for item in ["a", "b", "b", "c"] {
        world.raise("collect", "Item", item).await;
    }
    assert_eq!(world.output("collect").await, "a,b,b,c");
    world.shutdown().await;
}

/// Teaches: `select` over many operations tells which came first.
#[tokio::test]
async fn sample_select_over_many() {
    async fn menu(ctx: OrchestrationContext, _input: String) -> Text {
        let choices = ["Tea", "Coffee", "Water"];
        let waits = choices
            .iter()
            .map(|choice| ctx.schedule_wait(*choice))
            .collect();
        match ctx.select(waits).await {
            (index, DurableOutput::External(data)) => Ok(format!("{} {data}", choices[index])),
            other => Err(format!("unexpected: {other:?}")),
        }
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Menu", menu)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world.begin("menu", "Menu", "").await;
    world.raise("menu", "Coffee", "black").await;
    assert_eq!(world.output("menu").await, "Coffee black");
    world.shutdown().await;
}

async fn expense(ctx: OrchestrationContext, amount: String) -> Text {
    let answer = ctx.schedule_wait("Answer");
    let deadline = ctx.schedule_timer(Duration::from_secs(3 * 24 * 60 * 60));
    match ctx.select2(answer, deadline).await {
        (_, DurableOutput::External(answer)) if answer == "yes" => Ok(format!("paid {amount}")),
        (_, DurableOutput::External(answer)) => Err(format!("refused: {answer}")),
        (_, DurableOutput::Timer) => Ok("escalated".to_owned()),
        other => Err(format!("unexpected: {other:?}")),
    }
}

/// Teaches: a person approves, refuses, or lets three days pass.
#[tokio::test]
async fn sample_human_approval() {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Expense", expense)
        .build();
    let world = World::on_manual_time(&clock, no_activities(), orchestrations).await;

    for instance in ["approved", "refused", "forgotten"] {
        world.begin(instance, "Expense", "20 €").await;
    }
    world.raise("approved", "Answer", "yes").await;
    world.raise("refused", "Answer", "too much").await;
    assert_eq!(world.output("approved").await, "paid 20 €");
    assert_eq!(
        world.failure("refused").await.display_message(),
        "refused: too much"
    );

    world.fire_timer(&clock, "forgotten").await;
    assert_eq!(world.output("forgotten").await, "escalated");
    world.shutdown().await;
}

async fn account(ctx: OrchestrationContext, opening: String) -> Text {
    let mut balance: i64 = opening
        .parse()
        .map_err(|error| format!("{opening:?}: {error}"))?;
    loop {
        let entry = ctx.schedule_wait("Entry").into_event().await;
        match entry.parse::<i64>() {
            Ok(amount) => balance += amount,
            Err(_) => return Ok(balance.to_string()),
        }
    }
}

/// Teaches: event sourcing. The orchestration folds events into its state, history is the ledger,
/// and its status can be asked at any time.
#[tokio::test]
async fn sample_event_sourcing_status_polling() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Account", account)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    let unknown = world
        .client
        .get_orchestration_status("account")
        .await
        .unwrap();
    assert_eq!(unknown, OrchestrationStatus::NotFound);
    world.begin("account", "Account", "100").await;
    for entry in ["20", "-50", "7"] {
        world.raise("account", "Entry", entry).await;
        let status = world
            .client
            .get_orchestration_status("account")
            .await
            .unwrap();
        assert_eq!(status, OrchestrationStatus::Running);
    }
    world.raise("account", "Entry", "close").await;
    let status = crate::support::until("the end of the account", async || {
        let status = world
            .client
            .get_orchestration_status("account")
            .await
            .unwrap();
        (status != OrchestrationStatus::Running).then_some(status)
    })
    .await;
    assert_eq!(
        status,
        OrchestrationStatus::Completed {
            output: "77".to_owned()
        }
    );

    let ledger: Vec<String> = world
        .history("account")
        .await
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::ExternalEvent { data, .. } => Some(data),
            _ => None,
        })
        .collect();
    assert_eq!(ledger, ["20", "-50", "7", "close"]);
    world.shutdown().await;
}

/// Teaches: orchestrations write to each other; a gate lets as many through as it has room, and each of
/// those tells it when they leave.
#[tokio::test]
async fn sample_orchestrations_that_write_to_each_other() {
    async fn gate(ctx: OrchestrationContext, cars: String) -> Text {
        let cars: usize = cars.parse().map_err(|_| "no number".to_owned())?;
        let mut passed = Vec::new();
        while passed.len() < cars {
            let car = ctx.schedule_wait("Arrived").into_event().await;
            ctx.raise_event(car.as_str(), "Open", "");
            passed.push(ctx.schedule_wait("Left").into_event().await);
        }
        passed.sort();
        Ok(passed.join(","))
    }
    async fn car(ctx: OrchestrationContext, _input: String) -> Text {
        let me = ctx.instance_id().to_owned();
        ctx.raise_event("gate", "Arrived", me.as_str());
        ctx.schedule_wait("Open").into_event().await;
        ctx.raise_event("gate", "Left", me.as_str());
        Ok(format!("{me} is through"))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Gate", gate)
        .register("Car", car)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world.begin("gate", "Gate", "3").await;
    for instance in ["a", "b", "c"] {
        world.begin(instance, "Car", "").await;
    }
    assert_eq!(world.output("gate").await, "a,b,c");
    assert_eq!(world.output("b").await, "b is through");
    world.shutdown().await;
}

/// Teaches: a worker that has time looks for what has come, and goes on if there is nothing.
#[tokio::test]
async fn sample_a_look_into_the_mailbox() {
    async fn printer(ctx: OrchestrationContext, _input: String) -> Text {
        let mut printed = Vec::new();
        ctx.schedule_wait("Switch on").into_event().await;
        while let Some(page) = ctx.try_wait("Page").await {
            printed.push(page);
        }
        Ok(format!("printed {}", printed.join(" and ")))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Printer", printer)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world.begin("printer", "Printer", "").await;
    world.raise("printer", "Page", "one").await;
    world.raise("printer", "Page", "two").await;
    world.raise("printer", "Switch on", "").await;
    assert_eq!(world.output("printer").await, "printed one and two");
    world.shutdown().await;
}
