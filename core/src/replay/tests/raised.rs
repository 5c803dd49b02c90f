//! Events for other instances: decisions, which a replay repeats and does not send again.

use super::bench::Bench;
use crate::event::EventKind;
use crate::orchestration::OrchestrationContext;
use crate::replay::{End, Failure};

async fn tells(
    ctx: OrchestrationContext,
    instance: &'static str,
    name: &'static str,
    data: &'static str,
) -> Result<String, String> {
    ctx.raise_event(instance, name, data);
    Ok(ctx.schedule_wait("On").into_event().await)
}

#[test]
fn it_is_one_event_of_history_and_answers_nothing() {
    let mut bench = Bench::start(|ctx| tells(ctx, "other", "Paid", "42"));
    let raised = EventKind::ExternalEventRaised {
        instance: "other".to_owned(),
        name: "Paid".to_owned(),
        data: "42".to_owned(),
    };
    assert_eq!(bench.kinds()[1], &raised);
    bench.go_cold().event("On", "done");
    assert_eq!(bench.output(), "done");
    let again = bench.kinds().into_iter().filter(|kind| **kind == raised);
    assert_eq!(again.count(), 1);
}

#[test]
fn another_instance_another_name_and_none_at_all_are_found() {
    let bench = Bench::start(|ctx| tells(ctx, "other", "Paid", "42"));
    let text = |failure: Option<Failure>| {
        let failure = failure.expect("the replay fails");
        assert!(failure.is_nondeterminism(), "{failure:?}");
        failure.to_string()
    };
    let elsewhere = bench.replayed_by(|ctx| tells(ctx, "elsewhere", "Paid", "42"));
    let elsewhere = text(elsewhere.err());
    assert!(
        elsewhere.contains("event \"Paid\" raised for \"other\""),
        "{elsewhere}"
    );
    assert!(
        elsewhere.contains("raised for \"elsewhere\""),
        "{elsewhere}"
    );
    text(
        bench
            .replayed_by(|ctx| tells(ctx, "other", "Sent", "42"))
            .err(),
    );
    let silent =
        |ctx: OrchestrationContext| async move { Ok(ctx.schedule_wait("On").into_event().await) };
    text(bench.replayed_by(silent).err());
    let detached = |ctx: OrchestrationContext| async move {
        ctx.schedule_orchestration("Paid", "other", "42");
        Ok(ctx.schedule_wait("On").into_event().await)
    };
    text(bench.replayed_by(detached).err());
}

/// What was sent is what was sent, whatever the code would send today.
#[test]
fn its_data_is_adopted_and_compared_where_that_is_asked_for() {
    let bench = Bench::start(|ctx| tells(ctx, "other", "Paid", "42"));
    assert!(
        bench
            .replayed_by(|ctx| tells(ctx, "other", "Paid", "43"))
            .is_ok()
    );
    let compared = bench.compared_with(|ctx| tells(ctx, "other", "Paid", "43"), true);
    let text = compared.err().map(|failure| failure.to_string());
    assert!(text.is_some_and(|text| text.contains("with another input")));
}

#[test]
fn it_is_raised_beside_continue_as_new() {
    let bench = Bench::start(|ctx| async move {
        drop(ctx.continue_as_new("next"));
        ctx.raise_event("other", "Paid", "");
        Ok(String::new())
    });
    assert!(matches!(
        bench.engine.end(),
        Some(End::ContinuedAsNew { .. })
    ));
    assert!(matches!(
        bench.kinds()[1],
        EventKind::ExternalEventRaised { .. }
    ));
}

#[test]
fn data_that_cannot_be_encoded_fails_the_run() {
    let bench = Bench::start(|ctx| async move {
        let unwritable = std::collections::BTreeMap::from([(vec![1], 1)]);
        ctx.raise_event_typed("other", "Paid", &unwritable);
        Ok(String::new())
    });
    let message = bench.failure().display_message();
    assert!(message.contains("the data of \"Paid\""), "{message}");
}
