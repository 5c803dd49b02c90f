//! Activities side by side.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const BRANCHES: u32 = 100;

/// An orchestration that waits for 100 activities at once.
pub(super) struct FanOut;

async fn fan_out(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    let branches = (0..BRANCHES).map(|branch| ctx.schedule_activity("Echo", branch.to_string()));
    Ok(ctx.join(branches.collect()).await.len().to_string())
}

#[async_trait]
impl Workload for FanOut {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("FanOut", fan_out);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        expect(client, id, ("FanOut", ""), &BRANCHES.to_string()).await?;
        Ok(Tally::of_activities(BRANCHES.into()))
    }
}
