//! Values that code sets, and reads again.

use std::collections::BTreeMap;

use super::bench::{Bench, start_of_code};
use crate::event::{EventKind, Started};
use crate::limits::{KEPT_VALUES_BYTES_MAX, KEPT_VALUES_MAX};
use crate::orchestration::OrchestrationContext;
use crate::replay::{End, Failure};

type Text = Result<String, String>;

fn set(key: &str, value: Option<&str>) -> EventKind {
    EventKind::ValueSet {
        key: key.to_owned(),
        value: value.map(str::to_owned),
    }
}

fn started(values: &[(&str, &str)]) -> (u64, EventKind) {
    let values = values.iter();
    let kind = EventKind::from(Started {
        rules: Some(crate::event::RULES),
        values: values
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..start_of_code()
    });
    (0, kind)
}

fn wait() -> (u64, EventKind) {
    let name = "Go".to_owned();
    (0, EventKind::ExternalSubscribed { name })
}

fn kinds(bench: &Bench) -> Vec<&EventKind> {
    bench.history.iter().map(|entry| &entry.kind).collect()
}

#[test]
fn code_reads_what_it_has_set_and_each_change_is_an_event() {
    let bench = Bench::start(|ctx| async move {
        assert_eq!(ctx.get_value("x"), None);
        ctx.remove_value("x");
        ctx.set_value("x", "1")?;
        ctx.set_value("x", "1")?;
        ctx.set_value_typed("y", &7)?;
        ctx.set_custom_status("busy")?;
        ctx.remove_value("x");
        let typed = ctx.get_value_typed::<u8>("y")?;
        Ok(format!(
            "{:?} {typed:?} {:?}",
            ctx.get_value("x"),
            ctx.get_custom_status()
        ))
    });
    let output = EventKind::OrchestrationCompleted {
        output: "None Some(7) Some(\"busy\")".to_owned(),
    };
    let expected = [
        set("x", Some("1")),
        set("x", Some("1")),
        set("y", Some("7")),
        set("@status", Some("busy")),
        set("x", None),
        output,
    ];
    assert_eq!(kinds(&bench)[1..], expected.iter().collect::<Vec<_>>());
}

async fn read_and_wait(ctx: OrchestrationContext) -> Text {
    let before = ctx.get_value("x").unwrap_or_default();
    ctx.set_value("x", format!("{before}+"))?;
    ctx.schedule_wait("Go").into_event().await;
    ctx.continue_as_new(ctx.get_value("x").unwrap_or_default())
        .await
}

#[test]
fn what_the_execution_before_has_set_is_there_and_goes_along() {
    let events = vec![
        started(&[("x", "old"), ("y", "stays")]),
        (0, set("x", Some("old+"))),
        wait(),
    ];
    let mut bench = Bench::resume(events, read_and_wait);
    assert!(bench.last.entries.is_empty(), "a replay writes nothing");
    bench.event("Go", "");
    let Some(End::ContinuedAsNew { input, values, .. }) = bench.engine.end() else {
        panic!("not continued: {:?}", bench.engine.end());
    };
    assert_eq!(input, "old+");
    let expected = [("x", "old+"), ("y", "stays")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(*values, BTreeMap::from(expected));
}

#[test]
fn a_replay_adopts_the_value_and_compares_the_key() {
    let mut bench = Bench::start(|ctx| async move {
        ctx.set_value("x", "recorded")?;
        ctx.schedule_wait("Go").into_event().await;
        Ok(ctx.get_value("x").unwrap_or_default())
    });
    let other = |ctx: OrchestrationContext| async move {
        ctx.set_value("x", "now")?;
        let read = ctx.get_value("x");
        assert_eq!(read.as_deref(), Some("recorded"));
        ctx.schedule_wait("Go").into_event().await;
        Ok(ctx.get_value("x").unwrap_or_default())
    };
    bench.replayed_by(other).expect("the value is adopted");
    let failure = bench.compared_with(other, true).err();
    let Some(Failure::Nondeterminism(mismatch)) = failure else {
        panic!("it does not notice: {failure:?}");
    };
    assert!(
        mismatch.code.ends_with("with another input"),
        "{mismatch:?}"
    );
    bench.event("Go", "");
    assert_eq!(bench.output(), "recorded");

    for (recorded, says) in [
        (set("z", Some("+")), "the setting of value \"z\""),
        (
            set("@status", Some("+")),
            "the setting of the custom status",
        ),
        (set("x", None), "the removal of value \"x\""),
    ] {
        let events = vec![started(&[]), (0, recorded), wait()];
        let failure = Bench::try_resume(events, read_and_wait).err();
        let Some(Failure::Nondeterminism(mismatch)) = failure else {
            panic!("it does not notice: {failure:?}");
        };
        assert_eq!(mismatch.recorded, says);
        assert!(mismatch.location.is_some());
    }
    let events = vec![started(&[]), wait()];
    assert!(Bench::try_resume(events, read_and_wait).is_err());
    let events = vec![started(&[]), (0, set("x", Some("+"))), wait()];
    let silent = |ctx: OrchestrationContext| async move {
        ctx.schedule_wait("Go").into_event().await;
        Ok(String::new())
    };
    assert!(Bench::try_resume(events, silent).is_err());
}

#[test]
fn what_does_not_fit_is_refused_and_the_code_goes_on() {
    let bench = Bench::start(|ctx| async move {
        let fits = KEPT_VALUES_BYTES_MAX - 100;
        ctx.set_value("x", "v".repeat(fits))?;
        let refused = ctx.set_value("y", "v".repeat(100)).expect_err("no room");
        assert!(refused.contains("KEPT_VALUES_BYTES_MAX"), "{refused}");
        // What it replaces makes room.
        ctx.set_value("x", "w".repeat(fits))?;
        ctx.remove_value("x");
        ctx.set_custom_status("v".repeat(fits))?;
        ctx.reset_custom_status();
        for number in 0..KEPT_VALUES_MAX {
            ctx.set_value(number.to_string(), "")?;
        }
        let refused = ctx.set_value("y", "").expect_err("no room");
        assert!(refused.contains("KEPT_VALUES_MAX"), "{refused}");
        ctx.set_value("0", "again")?;
        for key in ["", "@x", &"k".repeat(257)] {
            ctx.set_value(key, "").expect_err("no key");
        }
        Ok("done".to_owned())
    });
    assert_eq!(
        bench.history.len(),
        1 + 2 + 1 + 2 + KEPT_VALUES_MAX + 1 + 1,
        "what was refused is no event"
    );
}

/// Code that cannot go on sets nothing more, and what it drops at its end neither.
#[test]
fn nothing_is_set_after_the_end() {
    struct SetsLate(OrchestrationContext);
    impl Drop for SetsLate {
        fn drop(&mut self) {
            self.0.set_custom_status("late").ok();
        }
    }
    let bench = Bench::start(|ctx| async move {
        let _late = SetsLate(ctx.clone());
        ctx.set_value("x", "1")?;
        drop(ctx.continue_as_new(""));
        ctx.set_value("x", "2")?;
        std::future::pending::<Text>().await
    });
    let Some(End::ContinuedAsNew { values, .. }) = bench.engine.end() else {
        panic!("not continued: {:?}", bench.engine.end());
    };
    assert_eq!(*values, BTreeMap::from([("x".to_owned(), "2".to_owned())]));
}
