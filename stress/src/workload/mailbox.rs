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

/// The input is how many events were taken, what their numbers and the squares of these sum up to, and how many there
/// are in all. The sums are wrong if one is taken twice in place of another one.
async fn mailbox(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let mut numbers = input.split(' ').filter_map(|it| it.parse::<u64>().ok());
    let mut next = || numbers.next().ok_or("no number");
    let (mut taken, mut sum, mut squares, all) = (next()?, next()?, next()?, next()?);
    while taken < all {
        if ctx.should_continue_as_new() {
            let input = format!("{taken} {sum} {squares} {all}");
            return ctx.continue_as_new(input).await;
        }
        let event = ctx.schedule_wait("work").into_event().await;
        let number: u64 = event.parse().map_err(|_| "no number")?;
        taken += 1;
        sum = sum.wrapping_add(number);
        squares = squares.wrapping_add(number.wrapping_mul(number));
    }
    Ok(format!("{taken} {sum} {squares}"))
}

#[async_trait]
impl Workload for Mailbox {
    fn code(&self, _: &Ran) -> Code {
        let orchestrations = OrchestrationRegistry::builder().register("Mailbox", mailbox);
        Code::without_activities(orchestrations.build())
    }

    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure> {
        let all = self.events;
        let input = format!("0 0 0 {all}");
        client.start_orchestration(id, "Mailbox", input).await?;
        let raised = (0..all).map(|event| client.raise_event(id, "work", event.to_string()));
        let mut raised = stream::iter(raised).buffer_unordered(IN_FLIGHT);
        while let Some(raised) = raised.next().await {
            raised?;
        }
        let sum = (0..all).fold(0, u64::wrapping_add);
        let squares = (0..all).map(|it| it.wrapping_mul(it));
        let squares = squares.fold(0, u64::wrapping_add);
        expect_end(client, id, &format!("{all} {sum} {squares}")).await?;
        Ok(Tally {
            completed: 1,
            steps: all,
            ..Tally::default()
        })
    }
}
