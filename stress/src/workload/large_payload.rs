//! Long inputs and outputs.

use std::collections::BTreeSet;

use async_trait::async_trait;
use duroxide_core::{Client, DurableOutput, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect, payload};
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
    fn total(&self, id: &str) -> usize {
        let bytes = |place| {
            let size = Self::size(&self.sizes, place);
            payload(&format!("{id}/{place}/"), size).len()
        };
        (0..ACTIVITIES + CHILDREN).map(bytes).sum()
    }
}

/// The input is what payloads begin with, and their sizes. Answers how many bytes came back as they were sent.
async fn parent(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let (id, sizes) = input.split_once(' ').ok_or("no sizes")?;
    let sizes = sizes.split(' ').filter_map(|size| size.parse().ok());
    let sizes: Vec<usize> = sizes.collect();
    let sent = |place: usize| payload(&format!("{id}/{place}/"), LargePayload::size(&sizes, place));
    let mut bytes = 0;
    for place in 0..ACTIVITIES {
        let answer = ctx
            .schedule_activity("Echo", sent(place))
            .into_activity()
            .await?;
        if answer != sent(place) {
            return Err(format!("activity {place} has answered something else"));
        }
        bytes += answer.len();
    }
    let places = ACTIVITIES..ACTIVITIES + CHILDREN;
    let children = places.clone().map(|place| {
        let payload = sent(place);
        ctx.schedule_sub_orchestration("Child", payload)
    });
    let mut missing: BTreeSet<String> = places.map(sent).collect();
    // They come in the order in which they ended.
    for output in ctx.join(children.collect()).await {
        let DurableOutput::SubOrchestration(Ok(answer)) = output else {
            return Err("a child ended otherwise".to_owned());
        };
        if !missing.remove(&answer) {
            return Err("a child has answered something else".to_owned());
        }
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
        let total = self.total(id).to_string();
        let input = format!("{id} {}", sizes.join(" "));
        expect(client, id, ("Parent", &input), &total).await?;
        let activities = (ACTIVITIES + CHILDREN) as u64;
        Ok(Tally {
            completed: 1 + CHILDREN as u64,
            ..Tally::of_activities(activities)
        })
    }
}
