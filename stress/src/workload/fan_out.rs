//! Activities side by side.

use std::collections::BTreeSet;

use async_trait::async_trait;
use duroxide_core::{Client, DurableOutput, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const BRANCHES: u32 = 100;

/// An orchestration that waits for 100 activities at once.
pub(super) struct FanOut;

async fn fan_out(ctx: OrchestrationContext, id: String) -> Result<String, String> {
    let input = |branch: u32| format!("{branch} {id}");
    let branches = (0..BRANCHES).map(|branch| ctx.schedule_activity("Echo", input(branch)));
    let mut missing: BTreeSet<String> = (0..BRANCHES).map(input).collect();
    // They come in the order in which they ended.
    for output in ctx.join(branches.collect()).await {
        let DurableOutput::Activity(Ok(text)) = output else {
            return Err(format!("a branch ended otherwise: {output:?}"));
        };
        if !missing.remove(&text) {
            return Err(format!("{text} was answered twice, or was never asked"));
        }
    }
    Ok(format!("{} {id}", BRANCHES as usize - missing.len()))
}

#[async_trait]
impl Workload for FanOut {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("FanOut", fan_out);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let output = format!("{BRANCHES} {id}");
        expect(client, id, ("FanOut", id), &output).await?;
        Ok(Tally::of_activities(BRANCHES.into()))
    }
}
