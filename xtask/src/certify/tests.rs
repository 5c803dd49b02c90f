//! The certificates are those of today's suite, and the pages those of today's certificates.

use std::collections::BTreeSet;

use duroxide_provider_tests::CATALOGUE;

use super::*;

const RENEW: &str = "run cargo xtask certify";

fn certificates() -> impl Iterator<Item = (&'static Backend, Certificate)> {
    BACKENDS
        .iter()
        .map(|backend| (backend, Certificate::read(backend).unwrap()))
}

#[test]
fn every_certificate_is_of_the_cases_of_today() {
    let cases = || CATALOGUE.iter().copied().flatten();
    let ids: BTreeSet<&str> = cases().map(|case| case.id).collect();
    let clauses: BTreeSet<&str> = cases().flat_map(|case| case.clauses).copied().collect();
    for (backend, certificate) in certificates() {
        let certified: BTreeSet<&str> = certificate.cases.keys().map(String::as_str).collect();
        let changed: Vec<_> = ids.symmetric_difference(&certified).collect();
        assert!(changed.is_empty(), "{}: {RENEW}: {changed:?}", backend.name);
        let certified: BTreeSet<&str> = certificate.clauses.keys().map(String::as_str).collect();
        let changed: Vec<_> = clauses.symmetric_difference(&certified).collect();
        assert!(changed.is_empty(), "{}: {RENEW}: {changed:?}", backend.name);
        assert_eq!(certificate.command, backend.command(), "{RENEW}");
        assert_eq!(certificate.suite, env!("CARGO_PKG_VERSION"), "{RENEW}");
        assert_eq!(certificate.mutants, Mutants::read().unwrap(), "{RENEW}");
        for (torture, command) in backend.tortures() {
            let ending = Ending::of(torture.ending(), command);
            assert!(certificate.endings.contains(&ending), "{RENEW}: {ending:?}");
        }
    }
}

#[test]
fn no_certificate_has_anything_but_passes_and_what_is_not_supported() {
    for (backend, certificate) in certificates() {
        let name = backend.name;
        assert_eq!(certificate.verdict, "passed", "{name}");
        for profile in &certificate.profiles {
            let is_sound = matches!(profile.result.as_str(), "passed" | "not_supported");
            assert!(is_sound, "{name}: {} {}", profile.name, profile.result);
            let is_optional = profile.name != "required";
            assert!(is_optional || profile.result == "passed", "{name}");
        }
        for (id, outcome) in certificate.cases.iter().chain(&certificate.clauses) {
            let is_sound = matches!(outcome.as_str(), "passed" | "not_supported");
            assert!(is_sound, "{name}: {id} {outcome}");
        }
        let passed = certificate
            .cases
            .values()
            .filter(|outcome| *outcome == "passed");
        assert_eq!(passed.count(), certificate.passed(), "{name}");
    }
}

#[test]
fn what_is_said_to_be_durable_has_survived_a_kill() {
    for (backend, certificate) in certificates() {
        let is_volatile = certificate.implementation.durability == "volatile";
        let was_killed = certificate
            .endings
            .iter()
            .any(|ending| ending.what == "process_killed");
        assert_eq!(was_killed, !is_volatile, "{}", backend.name);
    }
}

#[test]
fn every_page_is_of_the_certificates_of_today() {
    for (file, text) in pages().unwrap() {
        assert!(read(&file).unwrap() == text, "{file} is stale: {RENEW}");
    }
}

#[test]
fn a_run_that_did_not_pass_has_no_certificate() {
    let certificate = read(&BACKENDS[0].file()).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&certificate).unwrap();
    report["kind"] = "duroxide-conformance-report".into();
    report["schema"] = 2.into();
    report["cases"] = serde_json::json!([{ "id": "a::b::c", "outcome": "passed" }]);
    report["endings"] = serde_json::json!(["process_killed"]);
    let further = || vec![Ending::of("power_cut", "cargo cut".to_owned())];
    let certify = |report: &serde_json::Value| {
        let report = report.to_string();
        Certificate::of_report(report.as_bytes(), &BACKENDS[0], None, further())
    };
    let certificate = certify(&report).unwrap();
    assert_eq!(
        certificate.endings,
        [
            Ending::of("process_killed", BACKENDS[0].command()),
            Ending::of("power_cut", "cargo cut".to_owned()),
        ]
    );
    assert_eq!(certificate.hardest_ending(), Some("power_cut"));
    assert!(certify(&report).is_ok());
    for verdict in ["failed", "partial", "unavailable", "not_supported"] {
        report["verdict"] = verdict.into();
        let refused = certify(&report).unwrap_err();
        assert_eq!(refused, format!("the verdict is {verdict}"));
    }
}

#[test]
fn mutants_are_read_and_checked() {
    let mutants = Mutants::parse(r#"{"schema":1,"mutants":42,"killed":40}"#).unwrap();
    assert!(mutants.sentence().contains("40 of 42"));
    for wrong in [
        r#"{"schema":2,"mutants":42,"killed":40}"#,
        r#"{"schema":1,"mutants":42,"killed":43}"#,
        r#"{"schema":1,"mutants":0,"killed":0}"#,
        r#"{"schema":1,"mutants":42}"#,
    ] {
        assert!(Mutants::parse(wrong).is_err(), "{wrong}");
    }
}
