//! `continue_as_new` takes effect when it is called.

use std::collections::BTreeMap;

use super::bench::Bench;
use crate::event::EventKind;
use crate::orchestration::OrchestrationContext;
use crate::replay::{End, Failure};

#[track_caller]
fn continued(bench: &Bench) -> (&str, Option<&str>) {
    match bench.engine.end() {
        Some(End::ContinuedAsNew { input, version, .. }) => (input, version.as_deref()),
        other => panic!("not continued: {other:?}"),
    }
}

#[test]
fn it_wins_over_the_output_though_nobody_awaits_it() {
    let plain = Bench::start(|ctx| async move {
        drop(ctx.continue_as_new("next"));
        Ok("done".to_owned())
    });
    assert_eq!(continued(&plain), ("next", None));
    let typed = Bench::start(|ctx| async move {
        drop(ctx.continue_as_new_typed(&7));
        Err("failed".to_owned())
    });
    assert_eq!(continued(&typed), ("7", None));
    let versioned = Bench::start(|ctx| async move {
        drop(ctx.continue_as_new_versioned("2.0.0", "next"));
        Ok("done".to_owned())
    });
    assert_eq!(continued(&versioned), ("next", Some("2.0.0")));
}

#[test]
fn the_first_call_wins() {
    let bench = Bench::start(|ctx| async move {
        drop(ctx.continue_as_new("first"));
        ctx.continue_as_new("second").await
    });
    assert_eq!(continued(&bench), ("first", None));
}

#[test]
fn a_panic_after_it_still_fails() {
    let bench = Bench::start(|ctx| async move {
        drop(ctx.continue_as_new("next"));
        if ctx.execution_id() == 1 {
            panic!("out of luck")
        }
        Ok(String::new())
    });
    assert!(bench.failure().display_message().contains("out of luck"));
}

#[test]
fn what_is_awaited_after_it_is_not_scheduled() {
    let bench = Bench::start(|ctx| async move {
        drop(ctx.continue_as_new("next"));
        ctx.schedule_activity("A", "").into_activity().await
    });
    assert_eq!(continued(&bench), ("next", None));
    assert_eq!(bench.history.len(), 2);
}

#[test]
fn a_detached_start_after_it_is_made_all_the_same() {
    let bench = Bench::start(|ctx| async move {
        drop(ctx.continue_as_new("next"));
        ctx.schedule_orchestration("D", "d", "");
        Ok(String::new())
    });
    assert_eq!(continued(&bench), ("next", None));
    assert!(matches!(
        bench.kinds()[1],
        EventKind::OrchestrationChained { .. }
    ));
}

/// Neither a number nor a text can be the key of this map.
fn unwritable() -> BTreeMap<Vec<u8>, u8> {
    BTreeMap::from([(vec![1], 1)])
}

#[test]
fn an_input_that_cannot_be_encoded_is_an_error_that_nobody_can_overlook() {
    async fn looks(ctx: OrchestrationContext) -> Result<String, String> {
        let error = ctx.continue_as_new_typed(&unwritable()).await;
        Ok(format!("saw {error:?}"))
    }
    async fn looks_away(ctx: OrchestrationContext) -> Result<String, String> {
        drop(ctx.continue_as_new_typed(&unwritable()));
        Ok("done".to_owned())
    }
    assert!(Bench::start(looks).output().starts_with("saw Err"));
    let bench = Bench::start(looks_away);
    assert!(matches!(
        bench.engine.failure(),
        Some(Failure::NotEncoded(_))
    ));
    assert_eq!(bench.failure().category(), "application");
}
