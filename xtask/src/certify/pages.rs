//! The pages that are made from the certificates.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::backend::Backend;
use super::certificate::{Certificate, Profile};

const BEGIN: &str = "<!-- backends:begin -->\n";
const END: &str = "<!-- backends:end -->";

type Certified<'a> = [(&'a Backend, Certificate)];

/// The overview: each backend, what it passed, and the command that shows it.
pub(super) fn overview(certified: &Certified<'_>) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    write_overview(&mut page, certified).ok();
    page
}

fn write_overview(page: &mut String, certified: &Certified<'_>) -> fmt::Result {
    writeln!(
        page,
        "# Conformance\n\n\
         What the conformance suite says of each backend in each of its modes: the number of cases \
         that passed.\nNothing was skipped, and what a backend does not offer is named. \
         `cargo xtask certify` runs the suite on all\nof them and writes this folder; \
         [the matrix](matrix.md) has each clause of [the contract](../provider-contract.md).\n"
    )?;
    if let Some((_, first)) = certified.first() {
        writeln!(page, "Contract {}, suite {}.", first.contract, first.suite)?;
        match first.mutants {
            Some(mutants) => writeln!(page, "{}\n", mutants.sentence())?,
            None => writeln!(
                page,
                "How many faulty providers it finds was not measured.\n"
            )?,
        }
        let names: Vec<_> = first
            .profiles
            .iter()
            .map(|it| format!("`{}`", it.name))
            .collect();
        writeln!(
            page,
            "| backend | mode | promises to survive | tried | {} |",
            names.join(" | ")
        )?;
        writeln!(page, "|---|---|---|---|{}", "---|".repeat(names.len()))?;
    }
    for (backend, certificate) in certified {
        let it = &certificate.implementation;
        let profiles: Vec<_> = certificate.profiles.iter().map(profile).collect();
        writeln!(
            page,
            "| {} {} | [{}]({}.json) | {} | {} | {} |",
            it.name,
            it.version,
            it.mode,
            backend.name,
            survives(&it.durability),
            tried(certificate),
            profiles.join(" | ")
        )?;
    }
    writeln!(
        page,
        "\n*Tried* is the hardest that was done to a process while it had a store, in this order: its \
         handle was\ndropped; it was killed; the power was cut, under a disk that loses what was not \
         flushed. The certificate names\nthe run of each. What a backend promises beyond it rests on \
         the store's word.\n\n## See it yourself\n\n```sh"
    )?;
    let mut seen = BTreeSet::new();
    for (backend, certificate) in certified {
        writeln!(page, "{}", certificate.command)?;
        for (_, command) in backend.tortures() {
            if seen.insert(command.clone()) {
                writeln!(page, "{command}")?;
            }
        }
    }
    writeln!(page, "```")
}

/// The hardest that was done to a process.
fn tried(certificate: &Certificate) -> &'static str {
    match certificate.hardest_ending() {
        Some("power_cut") => "power cut",
        Some("process_killed") => "process killed",
        Some("handle_dropped") => "handle dropped",
        _ => "nothing",
    }
}

fn profile(profile: &Profile) -> String {
    match profile.result.as_str() {
        "passed" => format!("{} passed", profile.passed),
        other => other.replace('_', " "),
    }
}

/// Each clause that has a case, on each backend.
pub(super) fn matrix(certified: &Certified<'_>) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    write_matrix(&mut page, certified).ok();
    page
}

fn write_matrix(page: &mut String, certified: &Certified<'_>) -> fmt::Result {
    writeln!(
        page,
        "# Clauses and backends\n\n\
         What came of the cases that show each clause of [the contract](../provider-contract.md); \
         a backend\nwithout the profile of all of them has none to pass. `cargo xtask certify` \
         writes this page.\n"
    )?;
    let names: Vec<_> = certified.iter().map(|(backend, _)| backend.name).collect();
    writeln!(page, "| clause | {} |", names.join(" | "))?;
    writeln!(page, "|---|{}", "---|".repeat(names.len()))?;
    let clauses: BTreeSet<_> = certified
        .iter()
        .flat_map(|(_, certificate)| certificate.clauses.keys())
        .collect();
    for clause in clauses {
        write!(page, "| {clause} |")?;
        for (_, certificate) in certified {
            let outcome = certificate
                .clauses
                .get(clause)
                .map_or("none", String::as_str);
            write!(page, " {} |", outcome.replace('_', " "))?;
        }
        writeln!(page)?;
    }
    Ok(())
}

/// The page at the root, with a fresh table of backends between its marks.
pub(super) fn readme(page: &str, certified: &Certified<'_>) -> Result<String, String> {
    let parts = page
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        return Err(format!("README.md lacks the lines {BEGIN}{END}"));
    };
    let table = backends(certified);
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

fn backends(certified: &Certified<'_>) -> String {
    let row = |title: &str, name: &str, feature: &str, url: &str| {
        let own: Vec<_> = certified
            .iter()
            .filter(|(_, it)| it.implementation.name == name)
            .collect();
        let durability = own
            .first()
            .map_or("", |(_, it)| it.implementation.durability.as_str());
        let modes: Vec<_> = own
            .iter()
            .map(|(backend, it)| {
                let mode = &it.implementation.mode;
                let folder = "docs/conformance";
                format!("[{mode}]({folder}/{}.json) {}", backend.name, it.passed())
            })
            .collect();
        let survives = survives(durability);
        format!(
            "| {title} | {feature} | `{url}` | {survives} | {} |\n",
            modes.join(", ")
        )
    };
    let mut table = String::from(
        "| backend | feature | URL | an acknowledged commit survives | mode and cases passed |\n\
         |---|---|---|---|---|\n",
    );
    table += &row("memory", "memory", "always there", "memory:");
    table += &row("SQLite", "sqlite", "`sqlite`", "sqlite:./data.db");
    table += &row(
        "Postgres",
        "postgres",
        "`postgres`",
        "postgres://user@host/database",
    );
    table += &row("Redis", "redis", "`redis`", "redis://host");
    table += "| DynamoDB | | | | to come |\n";
    table
}

/// What an acknowledged commit survives, for people.
fn survives(durability: &str) -> &'static str {
    match durability {
        "volatile" => "nothing: for tests and development",
        "process_crash" => "the end of the client's process",
        "power_loss" => "a loss of power, if the disk keeps its promises",
        _ => "unknown",
    }
}
