//! Long inputs and outputs.

use async_trait::async_trait;
use duroxide_core::{Client, DurableOutput, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

const ACTIVITIES: usize = 20;
const CHILDREN: usize = 5;
/// How many bytes they have in turn, where nothing else was asked for.
const BYTES: [usize; 3] = [10_000, 50_000, 100_000];

/// An orchestration with 20 activities and 5 children, whose inputs and outputs are long.
pub(super) struct LargePayload {
    sizes: Vec<usize>,
}

impl LargePayload {
    pub(super) fn new(payload: Option<usize>) -> Self {
        Self {
            sizes: payload.map_or_else(|| BYTES.to_vec(), |bytes| vec![bytes]),
        }
    }

    /// The size of one of them.
    fn size(sizes: &[usize], place: usize) -> usize {
        sizes
            .get(place % sizes.len().max(1))
            .copied()
            .unwrap_or_default()
    }

    /// How many bytes the activities and the children of one operation put out.
    fn total(&self) -> usize {
        (0..ACTIVITIES + CHILDREN)
            .map(|place| Self::size(&self.sizes, place))
            .sum()
    }
}

fn sizes_in(input: &str) -> Vec<usize> {
    input
        .split(' ')
        .filter_map(|size| size.parse().ok())
        .collect()
}

/// Answers how many bytes came back.
async fn parent(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let sizes = sizes_in(&input);
    let mut bytes = 0;
    for place in 0..ACTIVITIES {
        let payload = "x".repeat(LargePayload::size(&sizes, place));
        let answer = ctx
            .schedule_activity("Echo", payload)
            .into_activity()
            .await?;
        bytes += answer.len();
    }
    let children = (ACTIVITIES..ACTIVITIES + CHILDREN).map(|place| {
        let payload = "x".repeat(LargePayload::size(&sizes, place));
        ctx.schedule_sub_orchestration("Child", payload)
    });
    for output in ctx.join(children.collect()).await {
        let DurableOutput::SubOrchestration(Ok(answer)) = output else {
            return Err("a child ended otherwise".to_owned());
        };
        bytes += answer.len();
    }
    Ok(bytes.to_string())
}

async fn child(ctx: OrchestrationContext, payload: String) -> Result<String, String> {
    ctx.schedule_activity("Echo", payload).into_activity().await
}

#[async_trait]
impl Workload for LargePayload {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder()
            .register("Parent", parent)
            .register("Child", child);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let sizes: Vec<String> = self.sizes.iter().map(usize::to_string).collect();
        let total = self.total().to_string();
        expect(client, id, ("Parent", &sizes.join(" ")), &total).await?;
        let activities = (ACTIVITIES + CHILDREN) as u64;
        Ok(Tally {
            completed: 1 + CHILDREN as u64,
            ..Tally::of_activities(activities)
        })
    }
}
