//! Orchestrations whose activities take a while.

use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const ACTIVITIES: u32 = 5;
const TAKES: Duration = Duration::from_millis(10);

/// An orchestration with 5 activities of 10 ms, one after another.
pub(super) struct Parallel;

async fn parallel(ctx: OrchestrationContext, id: String) -> Result<String, String> {
    for step in 0..ACTIVITIES {
        let input = format!("{step} {id}");
        let answer = ctx
            .schedule_activity("Work", input.as_str())
            .into_activity()
            .await?;
        if answer != input {
            return Err(format!("{input} was answered by {answer}"));
        }
    }
    Ok(id)
}

#[async_trait]
impl Workload for Parallel {
    fn code(&self, ran: &Ran) -> Code {
        let ran = ran.clone();
        let work = move |_, input: String| {
            ran.once();
            async move {
                SystemClock.sleep(TAKES).await;
                Ok::<_, String>(input)
            }
        };
        let orchestrations = OrchestrationRegistry::builder().register("Parallel", parallel);
        Code {
            activities: ActivityRegistry::builder().register("Work", work).build(),
            orchestrations: orchestrations.build(),
        }
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        expect(client, id, ("Parallel", id), id).await?;
        Ok(Tally::of_activities(ACTIVITIES.into()))
    }
}
