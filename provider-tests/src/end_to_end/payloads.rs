//! Large texts, odd texts and odd names.

use duroxide_core::OrchestrationContext;

use super::stage::{Code, Text, World};
use crate::support::Cx;

/// Far beyond what a store keeps in one page or row, and small enough for a debug build to encode.
/// The limits to the byte are cases of the area `lim`.
const LARGE_BYTES: usize = 1 << 20;
/// What a text is wrapped in takes less.
const ENVELOPE_BYTES: usize = 4_096;

async fn echo(ctx: OrchestrationContext, input: String) -> Text {
    ctx.schedule_activity("Echo", input).into_activity().await
}

/// Input, activity and result are each a megabyte, or as much as the store takes.
pub(crate) async fn large_texts_go_round(cx: &Cx) {
    let bytes_max = cx.limits().body_bytes_max - ENVELOPE_BYTES;
    let text = "large ".repeat(LARGE_BYTES.min(bytes_max) / "large ".len());
    let (world, _node) = World::with_node(cx, Code::of("Echo", echo)).await;

    let output = world.run("large", "Echo", &text).await;

    assert!(output == text, "{} of {} bytes", output.len(), text.len());
}

/// A result that is too large becomes an error that the orchestration can do something about.
pub(crate) async fn a_result_beyond_the_limit_is_an_error(cx: &Cx) {
    async fn grow(ctx: OrchestrationContext, _: String) -> Text {
        let grown = ctx.schedule_activity("Grow", "").into_activity().await;
        let error = grown.err().unwrap_or_else(|| "no error".to_owned());
        ctx.schedule_activity("Echo", error).into_activity().await
    }
    let body_bytes_max = cx.limits().body_bytes_max;
    let code = Code::of("Grow", grow).activity("Grow", move |_, _| async move {
        Ok("x".repeat(body_bytes_max + 1))
    });
    let (world, _node) = World::with_node(cx, code).await;

    let output = world.run("grow", "Grow", "").await;
    assert!(output.contains("body_bytes_max"), "{output}");
}

/// Each text comes back as it was, from the history too, which a cold node replays.
pub(crate) async fn odd_texts_come_back(cx: &Cx) {
    let world = World::open(cx, Code::of("Echo", echo));
    let _node = world
        .node_with(|it| it.options.warm_instances_max = 0)
        .await;
    let texts = [
        "",
        " ",
        "\0\u{1}\u{7f}",
        "'; DROP TABLE instances; --",
        "{\"json\": [1, null, \"\\u0000\"]}",
        "\"quoted\"",
        "line\r\nline\ttab\\n",
        "\u{feff}مرحبا Ünïcödé 漢字 🦀 e\u{301}",
        "\u{ffff}\u{10ffff}",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        assert_eq!(world.run(&number.to_string(), "Echo", text).await, text);
    }
}

/// Each instance gets its own events, activities and children, whatever its id is made of.
pub(crate) async fn odd_ids_are_told_apart(cx: &Cx) {
    async fn tell(ctx: OrchestrationContext, input: String) -> Text {
        let event = ctx.schedule_wait("Go").into_event().await;
        let child = ctx.schedule_sub_orchestration("Echo", event);
        let child = child.into_sub_orchestration().await?;
        Ok(format!("{input} {child} {}", ctx.instance_id()))
    }
    // Room for what a child's id has in addition.
    let longest = "l".repeat(1_000);
    let nearly_longest = "l".repeat(999);
    let ids = [
        "a",
        "A",
        "a ",
        " a",
        "a%",
        "a_",
        "a*?",
        "a/b",
        "a::sub",
        "a'\"`",
        "a\\",
        "a:1",
        "{a}",
        "á",
        "a\u{301}",
        "漢字",
        "🦀",
        &*longest,
        &*nearly_longest,
    ];
    let code = Code::of("Tell", tell).orchestration("Echo", echo);
    let (world, _node) = World::with_node(cx, code).await;
    for (number, id) in ids.iter().enumerate() {
        world.begin(id, "Tell", &number.to_string()).await;
    }
    for (number, id) in ids.iter().enumerate().rev() {
        world.raise(id, "Go", &format!("event {number}")).await;
    }
    for (number, id) in ids.iter().enumerate() {
        let expected = format!("{number} event {number} {id}");
        assert_eq!(world.output(id).await, expected);
    }
}
