//! One activity.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload, expect};
use crate::failure::Failure;

/// An orchestration with one activity, which answers its input.
pub(super) struct Hello {
    input: String,
}

impl Hello {
    pub(super) fn new(payload: Option<usize>) -> Self {
        let input = payload.map_or_else(|| "Rust".to_owned(), |bytes| "x".repeat(bytes));
        Self { input }
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
        expect(client, id, ("Hello", &self.input), &self.input).await?;
        Ok(Tally::of_activities(1))
    }
}
