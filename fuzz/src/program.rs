//! Orchestration code that bytes describe.

use std::time::Duration;

use duroxide_core::{DurableFuture, OrchestrationContext};

/// Does what each byte says, one after the other, and returns what it saw.
pub(crate) async fn run(ctx: OrchestrationContext, program: Vec<u8>) -> Result<String, String> {
    let mut saw = String::new();
    for (code, at) in program.into_iter().zip(1_u8..) {
        let (statement, operand) = (code % 14, code / 14);
        let first = schedule(&ctx, operand);
        match statement {
            0..=5 => saw += &format!("{:?}", schedule(&ctx, statement).await),
            6 => {
                let second = schedule(&ctx, operand.wrapping_add(at));
                saw += &format!("{:?}", ctx.select2(first, second).await);
            }
            7 => {
                let others = [schedule(&ctx, 2), schedule(&ctx, operand.wrapping_add(at))];
                let all = std::iter::once(first).chain(others).collect();
                saw += &format!("{:?}", ctx.join(all).await);
            }
            8 => ctx.schedule_orchestration("Detached", format!("d{operand}"), "input"),
            // Scheduled, and dropped while it is open.
            9 => {
                let mut dropped = Box::pin(first);
                let seen = futures_util::FutureExt::now_or_never(&mut dropped);
                saw += &format!("{seen:?}{:?}", schedule(&ctx, at).await);
            }
            10 => ctx.trace_info("a line"),
            11 => return ctx.continue_as_new(saw).await,
            12 => return Err(saw),
            // The operand tells what came later, so that older seeds say what they said.
            13 if operand == 1 => ctx.raise_event(format!("d{at}"), "Event", "data"),
            13 if operand == 2 => saw += &format!("{:?}", ctx.try_wait("Event").await),
            13 if operand == 3 => {
                let heard = ctx.select2(first, ctx.cancellation_requested()).await;
                saw += &format!("{heard:?}{}", ctx.is_cancellation_requested());
            }
            // Nothing that a later event could answer.
            _ => std::future::pending().await,
        }
    }
    Ok(saw)
}

fn schedule(ctx: &OrchestrationContext, what: u8) -> DurableFuture {
    match what % 6 {
        0 => ctx.schedule_activity("Activity", "input"),
        1 => ctx.schedule_timer(Duration::from_secs(1)),
        2 => ctx.schedule_wait("Event"),
        3 => ctx.schedule_sub_orchestration("Child", "input"),
        4 => ctx.new_guid_future(),
        _ => ctx.utcnow_future(),
    }
}
