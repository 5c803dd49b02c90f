//! One instance that everybody writes to.

use async_trait::async_trait;
use duroxide_core::{Client, OrchestrationContext, OrchestrationRegistry};
use futures_util::stream::{self, StreamExt as _};

use super::{Code, Ran, Tally, Workload, expect_end};
use crate::failure::Failure;

/// How many events are on their way at once.
const IN_FLIGHT: usize = 200;

/// An orchestration that takes so many events, one after another, and goes on in a new execution now and then.
pub(super) struct Mailbox {
    pub(super) events: u64,
}

/// The input is how many events were taken, and how many there are in all.
async fn mailbox(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let mut numbers = input.split(' ').filter_map(|it| it.parse::<u64>().ok());
    let (Some(mut taken), Some(all)) = (numbers.next(), numbers.next()) else {
        return Err("no numbers".to_owned());
    };
    while taken < all {
        if ctx.should_continue_as_new() {
            return ctx.continue_as_new(format!("{taken} {all}")).await;
        }
        ctx.schedule_wait("work").into_event().await;
        taken += 1;
    }
    Ok(taken.to_string())
}

#[async_trait]
impl Workload for Mailbox {
    fn code(&self, _: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Mailbox", mailbox);
        Code::without_activities(orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let all = self.events;
        let input = format!("0 {all}");
        client.start_orchestration(id, "Mailbox", input).await?;
        let raised = (0..all).map(|event| client.raise_event(id, "work", event.to_string()));
        let mut raised = stream::iter(raised).buffer_unordered(IN_FLIGHT);
        while let Some(raised) = raised.next().await {
            raised?;
        }
        expect_end(client, id, &all.to_string()).await?;
        Ok(Tally {
            completed: 1,
            steps: all,
            ..Tally::default()
        })
    }
}
