//! Events that race timers.

use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect_end};
use crate::failure::Failure;

const EVENTS: u32 = 3;
/// Far longer than an event takes, so that one that comes is never lost to the timer.
const TIMER: Duration = Duration::from_secs(24 * 3_600);

/// An orchestration that waits for three events, each against a timer.
pub(super) struct Events;

pub(super) async fn events(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    let mut heard = Vec::new();
    for _ in 0..EVENTS {
        let event = ctx.schedule_wait("go");
        let timer = ctx.schedule_timer(TIMER);
        let (first, output) = ctx.select2(event, timer).await;
        let duroxide_core::DurableOutput::External(text) = output else {
            return Err(format!("an event did not come: {first} was first"));
        };
        heard.push(text);
    }
    Ok(heard.join(" "))
}

#[async_trait]
impl Workload for Events {
    fn code(&self, _: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Events", events);
        Code::without_activities(orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        client.start_orchestration(id, "Events", "").await?;
        for event in 0..EVENTS {
            let datum = format!("{event}-{id}");
            client.raise_event(id, "go", datum).await?;
        }
        let data: Vec<String> = (0..EVENTS).map(|event| format!("{event}-{id}")).collect();
        expect_end(client, id, &data.join(" ")).await?;
        Ok(Tally {
            completed: 1,
            steps: EVENTS.into(),
            ..Tally::default()
        })
    }
}
