//! Which cases are meant.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::case::{CATALOGUE, Case, Profile};
use crate::untestable::UNTESTABLE;

/// The names that are offered for one that does not exist.
const NEAR_MAX: usize = 3;
/// Names less alike than this are not what was meant.
const LIKENESS_MIN: f64 = 0.7;

/// Which cases are meant: those that are in each list that is not empty.
#[derive(Debug, Default)]
pub(super) struct Filters {
    profiles: BTreeSet<Profile>,
    cases: BTreeSet<&'static str>,
    clauses: BTreeSet<&'static str>,
}

impl Filters {
    pub(super) fn add_profile(&mut self, name: &str) -> Result<(), String> {
        let found = Profile::ALL.iter().find(|profile| profile.name() == name);
        let profile = found.ok_or_else(|| {
            let names = Profile::ALL.iter().map(|profile| profile.name());
            format!("there is no profile {name:?}{}", near_matches(name, names))
        })?;
        self.profiles.insert(*profile);
        Ok(())
    }

    /// Adds the case of this id, or else those whose id has this text in it.
    pub(super) fn add_case(&mut self, text: &str) -> Result<(), String> {
        let ids: Vec<_> = if all().any(|case| case.id == text) {
            all().map(|case| case.id).filter(|id| *id == text).collect()
        } else {
            all()
                .map(|case| case.id)
                .filter(|id| id.contains(text))
                .collect()
        };
        if ids.is_empty() {
            return Err(format!(
                "no case has {text:?} in its id{}",
                near_cases(text)
            ));
        }
        self.cases.extend(ids);
        Ok(())
    }

    pub(super) fn add_clause(&mut self, id: &str) -> Result<(), String> {
        let wanted = id.to_ascii_uppercase();
        if let Some((_, reason)) = UNTESTABLE.iter().find(|(id, _)| *id == wanted) {
            return Err(format!("no case shows {wanted}: {reason}"));
        }
        let clauses = || all().flat_map(|case| case.clauses).copied();
        let found = clauses().find(|clause| *clause == wanted);
        let clause = found.ok_or_else(|| {
            let near = near_matches(&wanted, clauses());
            format!("no case shows a clause {id:?}{near}")
        })?;
        self.clauses.insert(clause);
        Ok(())
    }

    /// The cases, in the order of the catalogue.
    pub(super) fn select(&self) -> Result<Vec<&'static Case>, String> {
        let is_meant = |case: &&Case| {
            (self.profiles.is_empty() || self.profiles.contains(&case.profile))
                && (self.cases.is_empty() || self.cases.contains(case.id))
                && (self.clauses.is_empty()
                    || case.clauses.iter().any(|c| self.clauses.contains(c)))
        };
        let cases: Vec<_> = all().filter(is_meant).collect();
        if cases.is_empty() {
            return Err("no case is in all of these filters at once".to_owned());
        }
        Ok(cases)
    }
}

/// The cases and their clauses, one a line.
pub(super) fn list(filters: &Filters) -> Result<String, String> {
    let cases = filters.select()?;
    let width = cases.iter().map(|case| case.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for case in &cases {
        // Writing to a string cannot fail.
        writeln!(text, "{:width$}  {}", case.id, case.clauses.join(" ")).ok();
    }
    Ok(text)
}

fn all() -> impl Iterator<Item = &'static Case> {
    CATALOGUE.iter().copied().flatten()
}

/// The names that are most like this one, as [`suggest`] says them.
pub(super) fn near_matches<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<_> = names.into_iter().collect();
    suggest(
        names
            .into_iter()
            .map(|name| (strsim::jaro_winkler(wanted, name), name)),
    )
}

/// As [`near_matches`], by the name of a case or by the end of its id.
fn near_cases(wanted: &str) -> String {
    let last = wanted.rsplit("::").next().unwrap_or(wanted);
    suggest(all().map(|case| {
        let name = case.id.rsplit("::").next().unwrap_or(case.id);
        let by_name = strsim::jaro_winkler(last, name);
        (by_name.max(strsim::jaro_winkler(wanted, case.id)), case.id)
    }))
}

/// `; did you mean …?` with the names that have the highest likeness, or nothing.
pub(super) fn suggest<'a>(rated: impl Iterator<Item = (f64, &'a str)>) -> String {
    let mut rated: Vec<_> = rated
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    rated.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let names: Vec<_> = rated.iter().take(NEAR_MAX).map(|(_, name)| *name).collect();
    match names.as_slice() {
        [] => String::new(),
        [name] => format!("; did you mean {name}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}
