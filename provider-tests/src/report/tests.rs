//! The forms of one report that has everything in it.

use super::implementation::CapabilitiesReport;
use super::*;
use crate::case::Case;
use crate::suite::{Failure, Outcome, Seed};
use crate::transcript::Transcript;

/// The form of schema 1. It is never edited: a reader of it reads it for ever.
const GOLDEN: &str = include_str!("golden/report-2.json");
const GOLDEN_1: &str = include_str!("golden/report-1.json");

/// A case that the catalogue does not have, so that it may change.
const fn case(id: &'static str, profile: Profile, clauses: &'static [&'static str]) -> Case {
    Case {
        id,
        profile,
        clauses,
        run: |_| Box::pin(async {}),
    }
}

static CASES: [Case; 5] = [
    case("required::lea::one", Profile::Required, &["LEA-01"]),
    case("required::lea::two", Profile::Required, &["LEA-03"]),
    case(
        "required::lea::three",
        Profile::Required,
        &["LEA-03", "LEA-01"],
    ),
    case("required::lea::four", Profile::Required, &["LEA-04"]),
    case("durable::dur::five", Profile::Durable, &["DUR-02"]),
];

fn failed() -> Outcome {
    let transcript = Transcript::default();
    transcript.begin(1, "read_head", &"a").answered("<none>");
    transcript.begin(2, "close", &"]]>");
    Outcome::Failed(Failure {
        message: "expected & \"wanted\"\nfound \u{1b}[0m".to_owned(),
        transcript,
    })
}

fn report() -> Report {
    let outcomes = [
        Outcome::Passed,
        failed(),
        Outcome::Skipped("no reference".to_owned()),
        Outcome::Unavailable("start the server".to_owned()),
        Outcome::NotSupported,
    ];
    let effort = Effort {
        runs: 2,
        duration_ms: 1_234,
    };
    let cases = CASES.iter().zip(outcomes).map(|(case, outcome)| {
        let place = matches!(outcome, Outcome::Failed(_)).then(|| "lea.rs:7".to_owned());
        CaseReport::new(case, outcome, Seed(9), effort).at(place)
    });
    let implementation = Implementation {
        name: "paper",
        version: "1.2.3",
        backend: "Paper 4".to_owned(),
        mode: "default".to_owned(),
        contract: 2,
        durability: "power_loss",
        capabilities: CapabilitiesReport {
            management: true,
            multi_process: false,
            push_wakeups: false,
            visibility_bound_ms: 5,
            body_bytes_max: 7,
            commit_bytes_max: 8,
            core_state_bytes_max: 9,
            commit_operations_max: 10,
            history_events_max: 11,
        },
    };
    let draws = Draws {
        seed: 8,
        repeat: 2,
        rounds: Some(3),
    };
    let about = About {
        date: utc(1_767_571_200_000),
        provider: Some((implementation, Time::Real { speedup: 20 })),
        draws,
        endings: vec![Ending::HandleDropped, Ending::ProcessKilled],
        duration_ms: 6_170,
    };
    Report::new(about, cases.collect())
}

/// The report in its schema, but for what grows: the suite's version, the profiles, how many cases one
/// has, and what was added to it.
#[test]
fn the_json_form_of_a_schema_never_changes() {
    let mut written: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
    written["suite"] = "0.0.0".into();
    let added = written.as_object_mut().unwrap().remove("endings").unwrap();
    assert_eq!(
        added,
        serde_json::json!(["handle_dropped", "process_killed"])
    );
    let profiles = written["profiles"].as_array_mut().unwrap();
    profiles.retain(|profile| profile["name"] == "required" || profile["name"] == "durable");
    for profile in profiles {
        profile["cases"] = 0.into();
        profile["not_selected"] = 0.into();
    }

    let golden: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();

    let pretty = serde_json::to_string_pretty(&written).unwrap();
    assert_eq!(written, golden, "{pretty}");
}

/// Who reads schema 1 finds in schema 2 what is there, but for two capabilities.
#[test]
fn a_schema_says_what_the_one_before_said() {
    let [mut before, after] = [GOLDEN_1, GOLDEN].map(|golden| {
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        golden
    });
    let capabilities = before["implementation"]["capabilities"].as_object_mut();
    let capabilities = capabilities.unwrap();
    assert!(capabilities.remove("server_clock").is_some());
    assert!(capabilities.remove("clock_skew_margin_ms").is_some());
    before["schema"] = 2.into();
    before["contract"] = 2.into();
    before["implementation"]["contract"] = 2.into();
    assert_eq!(before, after);
}

#[test]
fn the_xml_form_has_each_outcome_and_every_word() {
    let xml = report().junit();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let nodes = |tag| {
        document
            .descendants()
            .filter(move |node| node.has_tag_name(tag))
    };

    assert_eq!(nodes("testcase").count(), 5);
    assert_eq!(nodes("error").count(), 1);
    assert_eq!(nodes("skipped").count(), 2);
    let failure = nodes("failure").next().unwrap();
    let message = failure.attribute("message");
    assert_eq!(message, Some("expected & \"wanted\"\nfound \u{fffd}[0m"));
    assert_eq!(
        failure.text().unwrap(),
        "1. handle 1: read_head \"a\" -> \"<none>\"\n2. handle 2: close \"]]>\" -> (no answer)\n"
    );
}

#[test]
fn the_page_and_the_terminal_keep_the_outcomes_apart() {
    let report = report();
    let page = report.markdown();
    for says in [
        "- Verdict: **failed**",
        "- failed (1): LEA-03",
        "- unavailable (1): LEA-04",
        "- skipped (1): LEA-01",
        "### `required::lea::four`: unavailable",
        "    expected & \"wanted\"\n",
    ] {
        assert!(page.contains(says), "{says:?} is not in:\n{page}");
    }
    let text = report.terminal(Style::Plain);
    for says in [
        "unavailable: 1 case\n    start the server\n",
        "skipped: 1 case\n    no reference\n",
        ", seeds 8 to 9, 3 rounds, real time, 20 times as fast",
        "    found \u{fffd}[0m\n    at lea.rs:7\n",
        "durable       not supported",
        "FAILED: 1 case, 1 passed, 1 case not supported, in 6.17 s",
    ] {
        assert!(text.contains(says), "{says:?} is not in:\n{text}");
    }
    assert!(!report.is_a_pass());
    assert!(report.terminal(Style::Coloured).contains("\u{1b}[31m"));
}
