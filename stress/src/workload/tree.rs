//! Children and their children.

use async_trait::async_trait;
use duroxide_core::{Client, DurableOutput, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const CHILDREN: u32 = 3;
/// How many generations there are below the root.
const DEPTH: u32 = 2;

/// An orchestration with three children, each of which has three children with an activity.
pub(super) struct Tree;

/// Answers how many leaves are below it.
pub(super) async fn node(ctx: OrchestrationContext, depth: String) -> Result<String, String> {
    let depth: u32 = depth.parse().map_err(|_| "no depth")?;
    if depth == 0 {
        return ctx.schedule_activity("Echo", "1").into_activity().await;
    }
    let below = (depth - 1).to_string();
    let children = (0..CHILDREN).map(|_| ctx.schedule_sub_orchestration("Node", below.clone()));
    let mut leaves = 0_u32;
    for output in ctx.join(children.collect()).await {
        let DurableOutput::SubOrchestration(Ok(count)) = output else {
            return Err(format!("a child ended otherwise: {output:?}"));
        };
        leaves += count.parse::<u32>().map_err(|_| "no count")?;
    }
    Ok(leaves.to_string())
}

#[async_trait]
impl Workload for Tree {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Node", node);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let leaves = u64::from(CHILDREN.pow(DEPTH));
        let output = leaves.to_string();
        expect(client, id, ("Node", &DEPTH.to_string()), &output).await?;
        let nodes = (0..=DEPTH).map(|depth| u64::from(CHILDREN.pow(depth)));
        Ok(Tally {
            activities: leaves,
            completed: nodes.sum(),
            steps: leaves,
            ..Tally::default()
        })
    }
}
