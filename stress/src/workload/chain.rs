//! Activities one after another.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

/// An orchestration with activities of which each gets what the one before has answered.
pub(super) struct Chain {
    steps: u64,
}

impl Chain {
    pub(super) fn of(steps: u64) -> Self {
        Self { steps }
    }
}

/// The input is how many steps there are, and what goes through all of them.
async fn chain(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let (steps, text) = input.split_once(' ').ok_or("no steps")?;
    let steps: u64 = steps.parse().map_err(|_| "no number of steps")?;
    let mut text = text.to_owned();
    for _ in 0..steps {
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

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let input = format!("{} {id}", self.steps);
        expect(client, id, ("Chain", &input), id).await?;
        Ok(Tally::of_activities(self.steps))
    }
}
