//! Many activities at once, and one result from all of them.
#![allow(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, Client, DurableOutput, OrchestrationContext, OrchestrationRegistry,
};
use serde::{Deserialize, Serialize};

use common::Backend;

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    name: String,
    quantity: u32,
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    items: usize,
    total_cents: u32,
}

/// Prices every item of an order at the same time, then adds the prices up.
async fn checkout(ctx: OrchestrationContext, order: Vec<Item>) -> Result<Receipt, String> {
    let prices = order
        .iter()
        .map(|item| ctx.schedule_activity_typed::<Item, u32>("Price", item))
        .collect();
    let mut receipt = Receipt {
        items: 0,
        total_cents: 0,
    };
    // The outcomes come in the order of history, which is the same in every replay.
    for output in ctx.join(prices).await {
        let DurableOutput::Activity(price) = output else {
            return Err(format!("no activity ends like this: {output:?}"));
        };
        let cents: u32 = price?
            .parse()
            .map_err(|error| format!("no price: {error}"))?;
        receipt.items += 1;
        receipt.total_cents += cents;
    }
    Ok(receipt)
}

async fn price(_ctx: ActivityContext, item: Item) -> Result<u32, String> {
    let unit_cents = match item.name.as_str() {
        "apple" => 40,
        "bread" => 310,
        "cheese" => 650,
        other => return Err(format!("{other} is not for sale")),
    };
    println!("priced {} x {}", item.quantity, item.name);
    Ok(item.quantity * unit_cents)
}

#[tokio::main]
async fn main() -> ExitCode {
    common::run(example).await
}

async fn example(backend: Backend) -> Result<(), Box<dyn Error>> {
    let store = backend.connect().await?;

    let activities = ActivityRegistry::builder()
        .register_typed("Price", price)
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Checkout", checkout)
        .build();
    let runtime =
        Runtime::start_with_store(Arc::clone(&store), Arc::new(activities), orchestrations).await;

    let order: Vec<Item> = [("apple", 6), ("bread", 1), ("cheese", 2)]
        .map(|(name, quantity)| Item {
            name: name.to_owned(),
            quantity,
        })
        .into();
    let client = Client::new(store);
    client
        .start_orchestration_typed("order-1", "Checkout", order)
        .await?;
    let receipt: Receipt = client
        .wait_for_orchestration_typed("order-1", Duration::from_secs(30))
        .await??;
    runtime.shutdown(None).await;

    println!("{} items cost {} cents", receipt.items, receipt.total_cents);
    Ok(())
}
