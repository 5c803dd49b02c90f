//! Durable timers.

use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const TIMERS: u32 = 3;
const DELAY: Duration = Duration::from_millis(20);
/// By how much the clocks of the store and of this process may differ meanwhile.
const CLOCKS_DIFFER: Duration = Duration::from_millis(5);

/// An orchestration that sleeps three times.
pub(super) struct Timers;

pub(super) async fn timers(ctx: OrchestrationContext, id: String) -> Result<String, String> {
    for _ in 0..TIMERS {
        ctx.schedule_timer(DELAY).into_timer().await;
    }
    Ok(id)
}

#[async_trait]
impl Workload for Timers {
    fn code(&self, _: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Timers", timers);
        Code::without_activities(orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let began = SystemClock.elapsed();
        expect(client, id, ("Timers", id), id).await?;
        let slept = SystemClock.elapsed().saturating_sub(began);
        if slept + CLOCKS_DIFFER < DELAY * TIMERS {
            let what = format!("{TIMERS} timers of {} ms took {slept:?}", DELAY.as_millis());
            return Err(Failure::wrong(id, what));
        }
        Ok(Tally {
            completed: 1,
            steps: TIMERS.into(),
            ..Tally::default()
        })
    }
}
