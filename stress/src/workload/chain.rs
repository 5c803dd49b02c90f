//! Activities one after another.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Workload, expect};
use crate::failure::Failure;

const STEPS: u32 = 50;

/// An orchestration with 50 activities, each of which gets what the one before has answered.
pub(super) struct Chain;

async fn chain(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let mut text = input;
    for _ in 0..STEPS {
        text = ctx.schedule_activity("Echo", text).into_activity().await?;
    }
    Ok(text)
}

#[async_trait]
impl Workload for Chain {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Chain", chain);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<(), Failure> {
        expect(client, id, ("Chain", "link"), "link").await
    }

    fn activities(&self) -> u64 {
        STEPS.into()
    }
}
