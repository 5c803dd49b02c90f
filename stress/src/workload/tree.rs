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

/// The input is how many generations are below it, and what every leaf has to answer. Answers how many leaves have.
pub(super) async fn node(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let (depth, text) = input.split_once(' ').ok_or("no depth")?;
    let depth: u32 = depth.parse().map_err(|_| "no depth")?;
    if depth == 0 {
        let answer = ctx.schedule_activity("Echo", text).into_activity().await?;
        return Ok(format!("1 {answer}"));
    }
    let below = format!("{} {text}", depth - 1);
    let children = (0..CHILDREN).map(|_| ctx.schedule_sub_orchestration("Node", below.clone()));
    let mut leaves = 0_u32;
    for output in ctx.join(children.collect()).await {
        let DurableOutput::SubOrchestration(Ok(answer)) = &output else {
            return Err(format!("a child ended otherwise: {output:?}"));
        };
        match answer.split_once(' ') {
            Some((count, answer)) if answer == text => {
                leaves += count.parse::<u32>().map_err(|_| "no count")?;
            }
            _ => return Err(format!("a child has answered {answer}")),
        }
    }
    Ok(format!("{leaves} {text}"))
}

#[async_trait]
impl Workload for Tree {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Node", node);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let leaves = u64::from(CHILDREN.pow(DEPTH));
        let (input, output) = (format!("{DEPTH} {id}"), format!("{leaves} {id}"));
        expect(client, id, ("Node", &input), &output).await?;
        let nodes = (0..=DEPTH).map(|depth| u64::from(CHILDREN.pow(depth)));
        Ok(Tally {
            activities: leaves,
            completed: nodes.sum(),
            steps: leaves,
            ..Tally::default()
        })
    }
}
