//! What orchestrations show of themselves: a custom status, and values by keys.

use duroxide_core::limits::{KEPT_VALUES_BYTES_MAX, KEPT_VALUES_MAX};
use duroxide_core::{EventKind, OrchestrationContext, PublishedValue, ValueVersion};

use super::stage::{Code, Gate, Text, World, count, types, within};
use crate::support::Cx;

/// Longer than the clock of any case shows.
const FOR_EVER: std::time::Duration = std::time::Duration::from_hours(1_000);

impl World {
    async fn value(&self, instance: &str, key: &str) -> Option<String> {
        let value = self.client.get_value(instance, key).await;
        value.expect("the store answers").map(|it| it.text)
    }

    async fn custom_status(&self, instance: &str) -> Option<PublishedValue> {
        let status = self.client.get_custom_status(instance).await;
        status.expect("the store answers")
    }

    /// The next status, or `None` once the instance has ended without one.
    async fn next_status(
        &self,
        instance: &str,
        seen: Option<ValueVersion>,
    ) -> Option<PublishedValue> {
        let next = self.client.wait_for_status_change(instance, seen, FOR_EVER);
        let next = within("a change of the status", next).await;
        next.expect("the wait succeeds")
    }
}

/// Says before each of its steps which one it is.
async fn tell(ctx: OrchestrationContext, _: String) -> Text {
    for step in 1..=3 {
        ctx.set_custom_status(format!("step {step}"))?;
        ctx.schedule_activity("Step", "").into_activity().await?;
    }
    ctx.set_custom_status("done")?;
    Ok(String::new())
}

/// Whoever watches the status hears of each turn's, and of the end; afterwards it can still be read.
pub(crate) async fn progress_is_shown_to_whoever_waits(cx: &Cx) {
    let gates = Gate::closed();
    let code = Code::of("Tell", tell).activity("Step", gates.activity());
    let (world, _node) = World::with_node(cx, code).await;
    assert_eq!(world.custom_status("tell").await, None);
    let first = world.next_status("tell", None);
    world.begin("tell", "Tell", "").await;
    let first = first.await.expect("it says something");
    assert_eq!(first.text, "step 1");
    assert_eq!(world.custom_status("tell").await, Some(first.clone()));

    gates.open();
    let mut told = Vec::new();
    let mut seen = Some(first.version);
    while let Some(next) = world.next_status("tell", seen).await {
        seen = Some(next.version);
        told.push(next.text);
    }

    assert!(told.is_sorted_by_key(|it| it == "done"), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("done"));
    world.output("tell").await;
    let last = world.custom_status("tell").await;
    assert_eq!(last.map(|it| it.text).as_deref(), Some("done"));
}

/// Counts its executions in a value, beside one that only the first of them sets.
async fn count_executions(ctx: OrchestrationContext, _: String) -> Text {
    let counted = ctx.get_value_typed::<u64>("executions")?.unwrap_or(0) + 1;
    ctx.set_value_typed("executions", &counted)?;
    if counted == 1 {
        ctx.set_value("first", "was here")?;
        ctx.set_value("removed", "for now")?;
    }
    ctx.schedule_timer(std::time::Duration::from_millis(1))
        .await;
    if counted == 3 {
        ctx.remove_value("removed");
    }
    if counted < 20 {
        return ctx.continue_as_new("").await;
    }
    let left = ["first", "removed"].map(|key| ctx.get_value(key).unwrap_or_default());
    Ok(format!("{counted} {left:?}"))
}

/// Values go along from execution to execution, and are those that clients read.
pub(crate) async fn values_go_along(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Count", count_executions)).await;

    let output = world.run("count", "Count", "").await;

    assert_eq!(output, "20 [\"was here\", \"\"]");
    assert_eq!(
        world.value("count", "executions").await.as_deref(),
        Some("20")
    );
    assert_eq!(
        world.value("count", "first").await.as_deref(),
        Some("was here")
    );
    assert_eq!(world.value("count", "removed").await, None);
    assert_eq!(world.value("count", "never").await, None);
}

/// Sets a value, and changes it once it is told to.
async fn set_twice(ctx: OrchestrationContext, _: String) -> Text {
    ctx.set_value("x", "1")?;
    ctx.set_custom_status("waiting")?;
    let event = ctx.schedule_wait("Go").into_event().await;
    let before = ctx.get_value("x").unwrap_or_default();
    ctx.set_value("x", format!("{before}{event}"))?;
    ctx.reset_custom_status();
    Ok(format!(
        "{:?} {:?}",
        ctx.get_value("x"),
        ctx.get_custom_status()
    ))
}

/// Code that is replayed on another node reads what it has set, and publishes none of it again.
pub(crate) async fn a_replay_publishes_nothing(cx: &Cx) {
    let (world, node) = World::with_node(cx, Code::of("Twice", set_twice)).await;
    world.begin("twice", "Twice", "").await;
    world.waits_for("twice", "Go").await;
    let before = world.custom_status("twice").await.expect("it is set");
    node.stop().await;
    let world = world.after_a_crash().await;
    assert_eq!(world.custom_status("twice").await, Some(before));

    world.raise("twice", "Go", "2").await;
    let _node = world.node().await;

    assert_eq!(world.output("twice").await, "Some(\"12\") None");
    assert_eq!(world.value("twice", "x").await.as_deref(), Some("12"));
    assert_eq!(world.custom_status("twice").await, None);
    let history = world.history("twice").await;
    let is_set = |kind: &EventKind| matches!(kind, EventKind::ValueSet { .. });
    assert_eq!(count(&history, is_set), 4, "{:?}", types(&history));
}

/// Sets what it may not, and goes on.
async fn set_too_much(ctx: OrchestrationContext, _: String) -> Text {
    let mut refusals = Vec::new();
    let long = "x".repeat(KEPT_VALUES_BYTES_MAX);
    for (key, value) in [
        ("", "1"),
        ("@status", "1"),
        (&"k".repeat(257), "1"),
        ("long", &long),
    ] {
        let refused = ctx.set_value(key, value);
        refusals.push(refused.expect_err("it is refused"));
    }
    let refused = ctx.set_custom_status(long);
    refusals.push(refused.expect_err("it is refused"));
    for number in 0..KEPT_VALUES_MAX {
        ctx.set_value(format!("{number}"), "")?;
    }
    let refused = ctx.set_value("one more", "");
    refusals.push(refused.expect_err("it is refused"));
    ctx.remove_value("7");
    ctx.set_value("one more", "1")?;
    let event = ctx.schedule_wait("Go").into_event().await;
    Ok(format!("{event}{}", refusals.len()))
}

/// What cannot be set is refused where it is set, and the code goes on, also when it is replayed.
pub(crate) async fn what_is_too_large_is_refused(cx: &Cx) {
    let (world, node) = World::with_node(cx, Code::of("Much", set_too_much)).await;
    world.begin("much", "Much", "").await;
    world.waits_for("much", "Go").await;
    assert_eq!(world.value("much", "long").await, None);
    assert_eq!(world.value("much", "7").await, None);
    assert_eq!(world.value("much", "8").await.as_deref(), Some(""));
    assert_eq!(world.value("much", "one more").await.as_deref(), Some("1"));
    assert_eq!(world.custom_status("much").await, None);
    node.stop().await;

    let _node = world.node().await;
    world.raise("much", "Go", "went on with ").await;

    assert_eq!(world.output("much").await, "went on with 6");
}

/// Takes events, and shows each of them under its own name.
async fn show_each(ctx: OrchestrationContext, _: String) -> Text {
    for number in 0..600_u64 {
        let event = ctx.schedule_wait("E").into_event().await;
        ctx.set_value(&event, number.to_string())?;
        ctx.remove_value(&event);
        ctx.set_custom_status(event)?;
    }
    Ok("all".to_owned())
}

/// However many values a backlog of events sets, each commit has as many as a store takes.
pub(crate) async fn many_values_take_several_turns(cx: &Cx) {
    let world = World::open(cx, Code::of("Each", show_each));
    world.begin("each", "Each", "").await;
    for number in 0..600_u64 {
        world.raise("each", "E", &format!("event {number}")).await;
    }

    let _node = world.node().await;

    assert_eq!(world.output("each").await, "all");
    let status = world.custom_status("each").await.expect("it is set");
    assert_eq!(status.text, "event 599");
    assert_eq!(world.value("each", "event 7").await, None);
}

/// Shows something and fails, or waits until it is cancelled.
async fn show_and_fail(ctx: OrchestrationContext, input: String) -> Text {
    ctx.set_value("x", &input)?;
    if input == "fail" {
        return Err("as it was told".to_owned());
    }
    ctx.schedule_wait("Never").into_event().await;
    Ok(String::new())
}

/// However an instance ends, what it has shown stays, and a wait for more ends.
pub(crate) async fn values_outlive_every_end(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Show", show_and_fail)).await;
    for instance in ["fail", "cancelled"] {
        world.begin(instance, "Show", instance).await;
    }
    world.failure("fail").await;
    world.waits_for("cancelled", "Never").await;
    let shown = world.client.get_value("cancelled", "x").await;
    let shown = shown.expect("the store answers").expect("it is set");
    let more = world
        .client
        .wait_for_value("cancelled", "x", Some(shown.version), FOR_EVER);
    let (more, ()) = tokio::join!(within("the end", more), world.cancel("cancelled"));

    assert_eq!(more.expect("the wait succeeds"), None);
    world.failure("cancelled").await;
    for instance in ["fail", "cancelled"] {
        assert_eq!(world.value(instance, "x").await.as_deref(), Some(instance));
        let again = world.client.wait_for_value(instance, "x", None, FOR_EVER);
        let again = again.await.expect("the wait succeeds");
        assert_eq!(again.map(|it| it.text).as_deref(), Some(instance));
    }
}
