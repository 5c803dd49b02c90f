//! The five outcomes, and what they make of a profile and of the exit code.

use std::process::ExitCode;

use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{CATALOGUE, Case, Profile, Subject};

use super::broken::{Broken, Defect};
use super::outcome::{run, say};

fn cases(profile: Profile) -> usize {
    let all = CATALOGUE.iter().copied().flatten();
    all.filter(|case: &&Case| case.profile == profile).count()
}

#[test]
fn a_good_provider_passes_and_what_it_does_not_offer_is_named() {
    let reference = Subject::new(MemoryFixture).with_reference(MemoryFixture);

    let run = run(
        reference,
        &["--profile", "management", "--profile", "durable"],
    );

    assert!(run.passed());
    let management = run.profile("management");
    assert_eq!(management["result"], "passed");
    assert_eq!(management["passed"], cases(Profile::Management));
    let durable = run.profile("durable");
    assert_eq!(durable["result"], "not_supported");
    assert_eq!(durable["not_supported"], cases(Profile::Durable));
    assert_eq!(durable["passed"], 0);
    let required = run.profile("required");
    assert_eq!(required["result"], "not_selected");
    assert_eq!(required["not_selected"], cases(Profile::Required));
    assert_eq!(
        run.report["verdict"], "partial",
        "a selection proves a part"
    );
    assert_eq!(run.report["clauses"]["DUR-02"], "not_supported");
}

#[test]
fn a_profile_with_something_skipped_is_partial_and_no_pass() {
    let run = run(Subject::new(MemoryFixture), &["--profile", "random"]);

    let random = run.profile("random");
    assert_eq!(random["result"], "partial");
    assert_eq!(random["skipped"], cases(Profile::Random));
    assert_eq!(random["passed"], 0);
    assert_eq!(run.report["verdict"], "partial");
    assert!(!run.passed());
}

#[test]
fn nothing_but_what_is_not_offered_is_no_pass() {
    let run = run(Subject::new(MemoryFixture), &["--profile", "multi_handle"]);

    assert_eq!(run.report["verdict"], "not_supported");
    assert!(!run.passed());
}

#[test]
fn a_profile_of_which_a_part_was_chosen_is_partial_and_the_choice_passes() {
    let arguments = ["--profile", "required", "--clause", "LEA-03"];

    let run = run(Subject::new(MemoryFixture), &arguments);

    assert_eq!(run.profile("required")["result"], "partial");
    assert_eq!(run.report["verdict"], "partial");
    assert_eq!(run.report["clauses"]["LEA-03"], "passed");
    assert!(run.passed());
}

#[test]
fn a_case_is_repeated_with_one_seed_after_the_other() {
    let arguments = ["--case", "required::lea::empty_batches_are_answered"];
    let seeds = ["--seed", "41", "--repeat", "3"];

    let run = run(
        Subject::new(MemoryFixture),
        &[arguments, [seeds[0], seeds[1]], [seeds[2], seeds[3]]].concat(),
    );

    assert_eq!(run.report["cases"][0]["runs"], 3);
    assert_eq!(run.report["seed"], 41);
    assert_eq!(run.report["repeat"], 3);
}

#[test]
fn a_repetition_ends_with_the_first_failure_and_names_its_seed() {
    let arguments = [
        "--case=required::lea::an_expired_turn_comes_back",
        "--seed=41",
        "--repeat=3",
    ];

    let run = run(Subject::new(Broken(Defect::ClaimPanics)), &arguments);

    assert_eq!(run.report["cases"][0]["runs"], 1);
    assert_eq!(run.report["cases"][0]["seed"], 41);
}

#[test]
fn every_format_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (format, begins) in [
        ("terminal", "memory "),
        ("json", "{\n  \"kind\": \"duroxide-conformance-report\""),
        ("markdown", "# Conformance report"),
        ("junit", "<?xml version=\"1.0\""),
    ] {
        let file = folder.path().join(format);
        let output = format!("--output={}", file.display());
        let arguments = [
            "--profile=required",
            "--clause=LEA-03",
            "--format",
            format,
            &output,
        ];
        assert_eq!(
            say(Subject::new(MemoryFixture), &arguments).code,
            ExitCode::SUCCESS
        );
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.starts_with(begins), "{text}");
    }
}

/// The words of a provider are in the XML, whatever is in them.
#[test]
fn the_xml_of_a_bad_provider_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.xml");
    let output = format!("--output={}", file.display());
    let arguments = [
        "--profile=management",
        "--profile=required",
        "--format=junit",
        &output,
    ];
    for (defect, tag) in [(Defect::NoStore, "error"), (Defect::ClaimPanics, "failure")] {
        assert_eq!(
            say(Subject::new(Broken(defect)), &arguments).code,
            ExitCode::FAILURE
        );

        let text = std::fs::read_to_string(&file).unwrap();
        let xml = roxmltree::Document::parse(&text).unwrap();
        let suites = xml.root_element();
        assert_eq!(suites.tag_name().name(), "testsuites");
        let count = |tag| {
            suites
                .descendants()
                .filter(|node| node.has_tag_name(tag))
                .count()
        };
        let chosen = cases(Profile::Management) + cases(Profile::Required);
        assert_eq!(count("testcase"), chosen);
        assert_eq!(suites.attribute("tests"), Some(chosen.to_string().as_str()));
        let counter = if tag == "error" { "errors" } else { "failures" };
        assert_eq!(
            suites.attribute(counter),
            Some(count(tag).to_string().as_str())
        );
        assert!(count(tag) > 0, "{text}");
        if tag == "error" {
            let error = suites
                .descendants()
                .find(|node| node.has_tag_name(tag))
                .unwrap();
            let message = error.attribute("message");
            assert_eq!(message, Some("start <it> & \u{fffd}[1mwait\u{fffd}[0m"));
        }
    }
}
