//! More at once than a history has room for.

use duroxide_core::limits::DECISIONS_PER_STEP_MAX;
use duroxide_core::{DurableOutput, OrchestrationContext};

use super::stage::{Code, Gate, Text, World, activity_output};
use crate::support::Cx;

/// None of it runs, and the code hears of it: it goes on with as much as fits.
pub(crate) async fn what_cannot_fit_does_not_run(cx: &Cx) {
    async fn fan_out(ctx: OrchestrationContext, members: String) -> Text {
        let members: usize = members.parse().map_err(|_| "no number".to_owned())?;
        let work = |members| {
            (0..members)
                .map(|_| ctx.schedule_activity("Work", ""))
                .collect()
        };
        let refused = ctx.join(work(members)).await;
        let is_refused = |it: &DurableOutput| matches!(it, DurableOutput::Activity(Err(text)) if text.starts_with("no room"));
        let number = refused.iter().filter(|it| is_refused(it)).count();
        for output in ctx.join(work(3)).await {
            activity_output(output)?;
        }
        Ok(number.to_string())
    }
    let gate = Gate::closed();
    gate.open();
    let code = Code::of("FanOut", fan_out).activity("Work", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    let cap = usize::try_from(cx.limits().history_events_max).unwrap_or(usize::MAX);
    let members = (cap / 2).min(DECISIONS_PER_STEP_MAX) + 1;

    let output = world.run("fan-out", "FanOut", &members.to_string()).await;

    assert_eq!(output, members.to_string());
    assert_eq!(gate.runs(), 3);
}
