//! Durable timers.

use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const TIMERS: u32 = 3;
const DELAY: Duration = Duration::from_millis(20);

/// An orchestration that sleeps three times.
pub(super) struct Timers;

pub(super) async fn timers(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    for _ in 0..TIMERS {
        ctx.schedule_timer(DELAY).into_timer().await;
    }
    Ok("rested".to_owned())
}

#[async_trait]
impl Workload for Timers {
    fn code(&self, _: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Timers", timers);
        Code::without_activities(orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        expect(client, id, ("Timers", ""), "rested").await?;
        Ok(Tally {
            completed: 1,
            steps: TIMERS.into(),
            ..Tally::default()
        })
    }
}
