//! Executions one after another.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const EXECUTIONS: u32 = 5;

/// An orchestration that continues as new four times, with an activity in each execution.
pub(super) struct ContinueAsNew;

async fn countdown(ctx: OrchestrationContext, left: String) -> Result<String, String> {
    let left = ctx.schedule_activity("Echo", left).into_activity().await?;
    let left: u32 = left.parse().map_err(|_| "no number")?;
    if left > 1 {
        return ctx.continue_as_new((left - 1).to_string()).await;
    }
    Ok("done".to_owned())
}

#[async_trait]
impl Workload for ContinueAsNew {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Countdown", countdown);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        expect(client, id, ("Countdown", &EXECUTIONS.to_string()), "done").await?;
        Ok(Tally::of_activities(EXECUTIONS.into()))
    }
}
