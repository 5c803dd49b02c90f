//! A provider that hangs, panics or answers nonsense fails its cases, and the run goes on.

use duroxide_provider_tests::Subject;

use super::broken::{Broken, Defect};
use super::outcome::run;

/// A case that claims, and one that does not.
const CLAIMS: &str = "required::lea::an_expired_turn_comes_back";
const DOES_NOT_CLAIM: &str = "required::lea::empty_batches_are_answered";

fn two_cases(defect: Defect) -> super::outcome::Run {
    let arguments = [
        "--case",
        CLAIMS,
        "--case",
        DOES_NOT_CLAIM,
        "--time-limit",
        "2",
    ];
    run(Subject::new(Broken(defect)), &arguments)
}

#[test]
fn a_provider_that_hangs_fails_in_time() {
    let run = two_cases(Defect::ClaimHangs);

    let failed = run.case(CLAIMS);
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["message"], "the case did not end within 2s");
    let calls = failed["calls"].as_array().unwrap();
    let last = calls.last().unwrap();
    assert!(
        last["call"].as_str().unwrap().contains("claim_turns"),
        "{last}"
    );
    assert!(last["answer"].is_null(), "{last}");
    assert_eq!(run.case(DOES_NOT_CLAIM)["outcome"], "passed");
    assert!(!run.passed());
}

#[test]
fn a_provider_that_panics_fails_with_its_words() {
    let run = two_cases(Defect::ClaimPanics);

    let failed = run.case(CLAIMS);
    assert_eq!(failed["outcome"], "failed");
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("a claim of turns"), "{message}");
    let place = failed["at"].as_str().unwrap();
    assert!(place.contains("broken.rs:"), "{place}");
    assert_eq!(run.case(DOES_NOT_CLAIM)["outcome"], "passed");
    assert!(!run.passed());
}

#[test]
fn a_failure_is_told_at_once_and_explained_at_the_end() {
    let run = two_cases(Defect::ClaimPanics);

    let at_once = format!("FAILED {CLAIMS}: a claim of turns\n");
    assert_eq!(run.err, at_once, "no panic message is between the lines");
    for says in [
        &format!("FAILED {CLAIMS}\n  shows LEA-03\n\n    a claim of turns\n    at "),
        "calls:\n     1. handle 1: commit [",
        "        -> (no answer)\n",
        &format!("run it again: --case {CLAIMS} --seed 1"),
        "multi_handle  not selected",
        "FAILED: 1 case, 1 passed, in ",
    ] {
        assert!(run.out.contains(says), "{says:?} is not in:\n{}", run.out);
    }
}

#[test]
fn a_provider_that_answers_nonsense_fails() {
    for defect in [Defect::CommitAnswersNothing, Defect::CommitAnswersTooMuch] {
        let arguments = ["--profile", "required", "--time-limit", "5"];
        let run = run(Subject::new(Broken(defect)), &arguments);

        let profile = run.profile("required");
        assert_eq!(profile["result"], "failed", "{defect:?}");
        assert!(
            profile["failed"].as_u64() > Some(1),
            "{defect:?}: {profile}"
        );
        let cases = run.report["cases"].as_array().unwrap().len();
        assert_eq!(profile["cases"], cases, "{defect:?}: every case was run");
        assert!(!run.passed(), "{defect:?}");
    }
}

#[test]
fn a_store_that_cannot_be_opened_is_no_pass_of_anything() {
    for (defect, outcome, says) in [
        (Defect::NoStore, "unavailable", "start <it>"),
        (Defect::OpeningPanics, "failed", "the folder is on fire"),
        (Defect::OpeningHangs, "failed", "within 200ms"),
    ] {
        let run = run(Subject::new(Broken(defect)), &["--time-limit", "0.2"]);

        assert_eq!(run.outcomes(), [outcome]);
        assert_eq!(run.report["verdict"], outcome);
        assert!(run.report["implementation"].is_null());
        let message = run.case(CLAIMS)["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
        assert!(!run.passed());
    }
}
