//! Work beside instances that sleep.

use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::hello::{Hello, hello};
use super::{Code, Ran, Tally, Workload, fill};
use crate::failure::Failure;

/// Longer than any run.
const SLEEPS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// `hello` on a store in which so many instances wait for a timer.
pub(super) struct Backlog {
    pub(super) sleeping: u64,
}

async fn sleep(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    ctx.schedule_timer(SLEEPS).into_timer().await;
    Ok("rested".to_owned())
}

#[async_trait]
impl Workload for Backlog {
    fn code(&self, ran: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder()
            .register("Hello", hello)
            .register("Sleep", sleep);
        Code::with_echo(ran, orchestrations.build())
    }

    async fn prepare(&self, client: &Client) -> Result<Tally, Failure> {
        let one = async |id: String| {
            client.start_orchestration(&id, "Sleep", "").await?;
            Ok(Tally {
                waiting: 1,
                ..Tally::default()
            })
        };
        fill(self.sleeping, one).await
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        Hello::new(None).operate(client, id).await
    }
}
