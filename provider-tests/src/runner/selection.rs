//! Which cases are meant.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Arg;
use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue};

use crate::case::{CATALOGUE, Case, Profile};
use crate::untestable::UNTESTABLE;

/// Which cases are meant: those that are in each list that is not empty.
#[derive(Debug, Default)]
pub(super) struct Filters {
    profiles: BTreeSet<Profile>,
    cases: BTreeSet<&'static str>,
    clauses: BTreeSet<&'static str>,
}

impl Filters {
    /// What a command line asks for.
    pub(super) fn new(
        profiles: Vec<Profile>,
        cases: Vec<NamedCases>,
        clauses: Vec<&'static str>,
    ) -> Self {
        Self {
            profiles: profiles.into_iter().collect(),
            cases: cases.into_iter().flat_map(|named| named.0).collect(),
            clauses: clauses.into_iter().collect(),
        }
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

/// The cases that one text stands for.
#[derive(Debug, Clone)]
pub(super) struct NamedCases(Vec<&'static str>);

/// The case of this id, or else those whose id has this text in it.
pub(super) fn cases_named(text: &str) -> Result<NamedCases, String> {
    let ids = || all().map(|case| case.id);
    let ids: Vec<_> = if ids().any(|id| id == text) {
        ids().filter(|id| *id == text).collect()
    } else {
        ids().filter(|id| id.contains(text)).collect()
    };
    if ids.is_empty() {
        return Err(format!("no case has it in its id{}", near_case(text)));
    }
    Ok(NamedCases(ids))
}

/// The clause of this id, in letters of any size, if a case shows it.
pub(super) fn clause(id: &str) -> Result<&'static str, String> {
    let wanted = id.to_ascii_uppercase();
    if let Some((_, reason)) = UNTESTABLE.iter().find(|(id, _)| *id == wanted) {
        return Err(format!("no case shows {wanted}: {reason}"));
    }
    let clauses = || all().flat_map(|case| case.clauses).copied();
    let found = clauses().find(|clause| *clause == wanted);
    found.ok_or_else(|| {
        let hint = nearest(&wanted, clauses()).map(did_you_mean);
        format!("no case shows such a clause{}", hint.unwrap_or_default())
    })
}

/// The id of the case whose name is most like the end of this one.
fn near_case(wanted: &str) -> String {
    fn name_of(id: &str) -> &str {
        id.rsplit("::").next().unwrap_or(id)
    }
    let name = nearest(name_of(wanted), all().map(|case| name_of(case.id)));
    let id = name.and_then(|name| all().map(|case| case.id).find(|id| name_of(id) == name));
    id.map(|id| did_you_mean(id.to_owned())).unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "as `map` calls it")]
fn did_you_mean(name: String) -> String {
    format!("; did you mean {name}?")
}

/// The name that is most like this one, by the measure that is used for the flags as well.
fn nearest(wanted: &str, names: impl Iterator<Item = &'static str>) -> Option<String> {
    let names: BTreeSet<_> = names.collect();
    let argument = Arg::new("name")
        .allow_hyphen_values(true)
        .value_parser(PossibleValuesParser::new(names));
    let command = clap::Command::new("nearest")
        .no_binary_name(true)
        .arg(argument);
    let error = command.try_get_matches_from([wanted]).err()?;
    match error.get(ContextKind::SuggestedValue) {
        Some(ContextValue::String(name)) => Some(name.clone()),
        _ => None,
    }
}
