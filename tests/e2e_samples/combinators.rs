//! The `futures` crate in orchestrations: whatever decides by polling order alone is deterministic.

use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use futures_util::future::{join_all, try_join};
use futures_util::{FutureExt, select_biased};

use crate::support::{Text, World, no_activities};

/// Teaches: `join_all` and `try_join` keep the order of their arguments, unlike `ctx.join`.
#[tokio::test]
async fn sample_futures_join_all() {
    let activities = ActivityRegistry::builder()
        .register("Square", |_: ActivityContext, number: String| async move {
            let number: u64 = number
                .parse()
                .map_err(|error| format!("{number:?}: {error}"))?;
            Ok((number * number).to_string())
        })
        .build();
    async fn squares(ctx: OrchestrationContext, _input: String) -> Text {
        let squares = (1..=40_u64).map(|number| {
            ctx.schedule_activity("Square", number.to_string())
                .into_activity()
        });
        let squares: Vec<String> = join_all(squares)
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
        let (three, four) = try_join(
            ctx.schedule_activity("Square", "3").into_activity(),
            ctx.schedule_activity("Square", "4").into_activity(),
        )
        .await?;
        Ok(format!("{} {} {three} {four}", squares[0], squares[39]))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Squares", squares)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    assert_eq!(world.run("squares", "Squares", "").await, "1 1600 9 16");
    world.shutdown().await;
}

/// Teaches: `select_biased!` in a loop, with a timer that goes on from one round to the next. (Not
/// `select!`, which polls in a random order.)
#[tokio::test]
async fn sample_futures_select_biased() {
    async fn auction(ctx: OrchestrationContext, _input: String) -> Text {
        let mut best = 0;
        let mut end = ctx
            .schedule_timer(Duration::from_secs(3_600))
            .into_timer()
            .fuse();
        loop {
            let mut bid = ctx.schedule_wait("Bid").into_event().fuse();
            select_biased! {
                bid = bid => best = best.max(bid.parse::<u64>().unwrap_or(0)),
                () = end => return Ok(format!("sold for {best}")),
            }
        }
    }
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Auction", auction)
        .build();
    let world = World::on_manual_time(&clock, no_activities(), orchestrations).await;

    world.begin("auction", "Auction", "").await;
    for bid in ["10", "30", "20"] {
        world.raise("auction", "Bid", bid).await;
    }
    world.fire_timer(&clock, "auction").await;
    assert_eq!(world.output("auction").await, "sold for 30");
    world.shutdown().await;
}
