//! Nothing to do.

use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};

use super::{Code, Ran, Tally, Workload};
use crate::failure::Failure;

/// How long everything is given to come to rest.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// An instance that waits for an event which does not come. One operation of it is a second.
pub(super) struct Idle;

async fn wait(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    Ok(ctx.schedule_wait("go").into_event().await)
}

#[async_trait]
impl Workload for Idle {
    fn code(&self, _: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Wait", wait);
        Code::without_activities(orchestrations.build())
    }

    async fn prepare(&self, client: &Client) -> Result<Tally, Failure> {
        client.start_orchestration("idle", "Wait", "").await?;
        SystemClock.sleep(SETTLES_WITHIN).await;
        Ok(Tally {
            waiting: 1,
            ..Tally::default()
        })
    }

    async fn operate(&self, _: &Client, _: &str) -> Result<Tally, Failure> {
        SystemClock.sleep(Duration::from_secs(1)).await;
        Ok(Tally {
            steps: 1,
            ..Tally::default()
        })
    }
}
