//! One activity.

use async_trait::async_trait;
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Workload, expect};
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

async fn hello(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.schedule_activity("Echo", input).into_activity().await
}

/// An activity that answers its input.
pub(super) fn echo(
    ran: &Ran,
) -> impl Fn(ActivityContext, String) -> std::future::Ready<Result<String, String>> + Send + Sync + 'static
{
    let ran = ran.clone();
    move |_, input| {
        ran.once();
        std::future::ready(Ok(input))
    }
}

#[async_trait]
impl Workload for Hello {
    fn code(&self, ran: &Ran) -> Code {
        Code {
            activities: ActivityRegistry::builder()
                .register("Echo", echo(ran))
                .build(),
            orchestrations: OrchestrationRegistry::builder()
                .register("Hello", hello)
                .build(),
        }
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<(), Failure> {
        expect(client, id, ("Hello", &self.input), &self.input).await
    }

    fn activities(&self) -> u64 {
        1
    }
}
