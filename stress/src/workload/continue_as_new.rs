//! Executions one after another.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const EXECUTIONS: u32 = 5;

/// An orchestration that continues as new four times, with an activity in each execution.
pub(super) struct ContinueAsNew;

/// The input is how many executions are left, and what goes through all of them.
async fn countdown(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let input = ctx.schedule_activity("Echo", input).into_activity().await?;
    let (left, text) = input.split_once(' ').ok_or("no executions")?;
    let left: u32 = left.parse().map_err(|_| "no number")?;
    if left > 1 {
        return ctx.continue_as_new(format!("{} {text}", left - 1)).await;
    }
    Ok(text.to_owned())
}

#[async_trait]
impl Workload for ContinueAsNew {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Countdown", countdown);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let input = format!("{EXECUTIONS} {id}");
        expect(client, id, ("Countdown", &input), id).await?;
        Ok(Tally::of_activities(EXECUTIONS.into()))
    }
}
