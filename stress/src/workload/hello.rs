//! One activity.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect, payload};
use crate::failure::Failure;

/// An orchestration with one activity, which answers its input.
pub(super) struct Hello {
    payload_bytes: usize,
}

impl Hello {
    pub(super) fn new(payload_bytes: Option<usize>) -> Self {
        Self {
            payload_bytes: payload_bytes.unwrap_or_default(),
        }
    }
}

pub(super) async fn hello(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.schedule_activity("Echo", input).into_activity().await
}

#[async_trait]
impl Workload for Hello {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Hello", hello);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let input = payload(id, self.payload_bytes);
        expect(client, id, ("Hello", &input), &input).await?;
        Ok(Tally::of_activities(1))
    }
}
