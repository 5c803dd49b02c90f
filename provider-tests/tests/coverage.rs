//! The contract's page and the catalogue agree.

use std::collections::BTreeSet;

use duroxide_provider_tests::{CATALOGUE, Case, UNTESTABLE};

const CONTRACT: &str = include_str!("../../docs/provider-contract.md");

/// Each clause of the page: its id and its whole text.
fn clauses() -> Vec<(&'static str, String)> {
    let mut clauses: Vec<(&str, String)> = Vec::new();
    for line in CONTRACT.lines() {
        if let Some((id, text)) = line
            .strip_prefix("- **")
            .and_then(|rest| rest.split_once("**"))
        {
            clauses.push((id, text.to_owned()));
        } else if let (true, Some((_, text))) = (line.starts_with("  "), clauses.last_mut()) {
            text.push_str(line);
        }
    }
    clauses
}

fn cases() -> impl Iterator<Item = &'static Case> {
    CATALOGUE.iter().copied().flatten()
}

#[test]
fn clause_ids_are_well_formed_and_unique() {
    let mut seen = BTreeSet::new();
    for (id, _) in clauses() {
        let (area, number) = id.split_once('-').expect("an id is AREA-nn");
        assert!(
            area.len() == 3 && area.chars().all(|c| c.is_ascii_uppercase()),
            "{id}"
        );
        assert!(number.len() == 2 && number.parse::<u8>().is_ok(), "{id}");
        assert!(seen.insert(id), "{id} is there twice");
    }
    assert!(seen.len() > 90, "the page is read: {} clauses", seen.len());
}

#[test]
fn every_must_has_a_case_or_a_reason() {
    let shown: BTreeSet<_> = cases().flat_map(|case| case.clauses).copied().collect();
    let excused: BTreeSet<_> = UNTESTABLE.iter().map(|(id, _)| *id).collect();
    for (id, text) in clauses() {
        let covered = shown.contains(id) || excused.contains(id);
        assert!(covered || !text.contains("MUST"), "no case shows {id}");
    }
    let both: Vec<_> = shown.intersection(&excused).collect();
    assert!(
        both.is_empty(),
        "shown by a case, and yet excused: {both:?}"
    );
}

#[test]
fn every_case_names_clauses_of_the_page() {
    let known: BTreeSet<_> = clauses().into_iter().map(|(id, _)| id).collect();
    for case in cases() {
        for clause in case.clauses {
            assert!(known.contains(clause), "{}: there is no {clause}", case.id);
        }
    }
    for (id, reason) in UNTESTABLE {
        assert!(known.contains(id), "there is no {id}");
        assert!(!reason.is_empty());
    }
}

#[test]
fn case_ids_are_unique() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        assert!(seen.insert(case.id), "{} is there twice", case.id);
        assert!(case.id.starts_with(case.profile.name()), "{}", case.id);
    }
}
