//! What must hold of the mutants.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use duroxide_provider_tests::{
    Outcome, Profile, RunOptions, Subject, UNTESTABLE, check_declaration, run_case,
};

use super::committed::Committed;
use super::faults::{FAULTS, NOT_APPLICABLE};
use super::kill::{cases, kill_all};
use super::mutant::{How, MutantFixture, subject_for};
use super::report::Report;
use super::table::mutants;

/// The real time that a case may take on a sound provider, on a machine that is very busy.
const REFERENCE_TIME_LIMIT: Duration = Duration::from_secs(120);

const CONTRACT: &str = include_str!("../../../docs/provider-contract.md");

/// The clauses of the page that say MUST, each with its continuation lines.
fn musts() -> Vec<&'static str> {
    let clauses = CONTRACT.split("\n- **").skip(1);
    let with_text = clauses.filter_map(|clause| clause.split_once("**"));
    with_text
        .filter(|(_, text)| {
            let text = text.split("\n\n").next().unwrap_or_default();
            text.contains("MUST")
        })
        .map(|(id, _)| id)
        .collect()
}

#[test]
fn the_reference_is_not_noticed() {
    let mut options = RunOptions::default();
    // It hangs nowhere, and shares the machine with the mutants.
    options.time_limit = Some(REFERENCE_TIME_LIMIT);
    for case in cases() {
        let outcome = run_case(case, &subject_for(case, How::Reference), &options);
        assert!(
            matches!(outcome, Outcome::Passed),
            "{}: {outcome:?}",
            case.id
        );
    }
    let shared = MutantFixture {
        how: How::Reference,
        is_shared: true,
    };
    let shared = Subject::new(shared);
    for case in cases().filter(|case| case.profile < Profile::EndToEnd) {
        let outcome = run_case(case, &shared, &options);
        assert!(
            matches!(outcome, Outcome::Passed),
            "{} with handles: {outcome:?}",
            case.id
        );
    }
    let declared = [
        Profile::Required,
        Profile::Management,
        Profile::Durable,
        Profile::MultiHandle,
    ];
    check_declaration(&shared, &declared);
}

#[test]
fn every_mutant_is_killed() {
    let is_update = std::env::var_os("DUROXIDE_UPDATE").is_some();
    let report = {
        let committed = (!is_update).then(Committed::read);
        let verdicts = kill_all(committed.as_ref());
        let survivors: Vec<_> = verdicts
            .iter()
            .flat_map(|verdict| {
                let clauses = verdict.mutant.clauses.iter().zip(&verdict.killers);
                let unnoticed = clauses.filter(|(_, killer)| killer.is_none());
                unnoticed.map(|(clause, _)| format!("{}: {clause}", verdict.mutant.name))
            })
            .collect();
        assert!(
            survivors.is_empty(),
            "no case of the clause notices; add one:\n{}",
            survivors.join("\n")
        );
        Report::new(&verdicts)
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (place, contents) in report.files() {
        let path = repository.join(place);
        if is_update {
            fs::write(&path, contents).expect("the file can be written");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        let mut lines = contents.lines().zip(committed.lines());
        let first = lines.find(|(found, committed)| found != committed);
        assert!(
            committed == contents,
            "{place} is stale; run this test with DUROXIDE_UPDATE=1 and commit it. The first line \
             that differs, as found and as committed: {first:#?}"
        );
    }
}

#[test]
fn every_must_has_a_mutant() {
    let broken: BTreeSet<_> = mutants().flat_map(|mutant| mutant.clauses).collect();
    let excused: BTreeSet<_> = UNTESTABLE.iter().map(|(id, _)| id).collect();
    let musts = musts();
    assert!(
        musts.len() > 90,
        "the page is read: {} clauses",
        musts.len()
    );
    let missing: Vec<_> = musts
        .iter()
        .filter(|id| !broken.contains(id) && !excused.contains(id))
        .collect();
    assert!(missing.is_empty(), "no mutant breaks {missing:?}");
}

#[test]
fn every_fault_has_a_mutant_or_a_reason() {
    let shown: BTreeSet<_> = mutants().filter_map(|mutant| mutant.fault).collect();
    let excused: BTreeSet<_> = NOT_APPLICABLE.iter().map(|(number, _)| *number).collect();
    for (place, (number, what)) in (1..).zip(FAULTS) {
        assert_eq!(*number, place, "{what}");
        let count = usize::from(shown.contains(number)) + usize::from(excused.contains(number));
        assert_eq!(count, 1, "fault {number} is shown or excused: {what}");
    }
}

#[test]
fn mutants_have_names_of_their_own() {
    let mut seen = BTreeSet::new();
    for mutant in mutants() {
        assert!(seen.insert(mutant.name), "{} is there twice", mutant.name);
        assert!(!mutant.clauses.is_empty(), "{}", mutant.name);
        assert!(mutant.what.ends_with('.'), "{}", mutant.name);
    }
}
