//! The report as a page.

use std::fmt::{self, Write as _};

use super::Report;
use super::case::{CaseReport, Trouble};
use super::mark::Mark;
use super::profile::ProfileReport;

pub(super) fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    write_page(&mut page, report).ok();
    page
}

fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "# Conformance report\n")?;
    match &report.implementation {
        Some(it) => {
            writeln!(
                page,
                "- Provider: {} {} ({})",
                it.name, it.version, it.backend
            )?;
            writeln!(
                page,
                "- Mode: `{}`, durability `{}`",
                it.mode, it.durability
            )?;
        }
        None => writeln!(page, "- Provider: it could not be asked who it is")?,
    }
    writeln!(
        page,
        "- Contract {}, suite {}",
        report.contract, report.suite
    )?;
    writeln!(page, "- Drawn from {}", report.draws)?;
    writeln!(
        page,
        "- Processes with a store: {}",
        report.endings_for_people()
    )?;
    writeln!(page, "- Date: {}", report.date)?;
    writeln!(page, "- Verdict: **{}**\n", report.verdict.name())?;
    profiles(page, report)?;
    clauses(page, report)?;
    let troubled = report
        .cases
        .iter()
        .filter_map(|case| Some((case, case.trouble.as_ref()?)));
    for (index, (case, trouble)) in troubled.enumerate() {
        if index == 0 {
            writeln!(page, "\n## Cases that did not pass")?;
        }
        not_passed(page, case, trouble)?;
    }
    Ok(())
}

fn profiles(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(
        page,
        "| profile | result | cases | passed | failed | skipped | unavailable |"
    )?;
    writeln!(page, "|---|---|--:|--:|--:|--:|--:|")?;
    for profile in &report.profiles {
        let ProfileReport {
            name,
            result,
            cases,
            passed,
            failed,
            skipped,
            unavailable,
            ..
        } = profile;
        let label = result.label();
        if !result.was_run() {
            writeln!(page, "| `{name}` | {label} | {cases} | - | - | - | - |")?;
            continue;
        }
        writeln!(
            page,
            "| `{name}` | {label} | {cases} | {passed} | {failed} | {skipped} | {unavailable} |"
        )?;
    }
    Ok(())
}

fn clauses(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "\n## Clauses\n")?;
    for mark in [
        Mark::Failed,
        Mark::Unavailable,
        Mark::Skipped,
        Mark::Passed,
        Mark::NotSupported,
    ] {
        let ids: Vec<_> = report
            .clauses
            .iter()
            .filter(|(_, outcome)| **outcome == mark)
            .map(|(id, _)| *id)
            .collect();
        if !ids.is_empty() {
            writeln!(
                page,
                "- {} ({}): {}",
                mark.label(),
                ids.len(),
                ids.join(", ")
            )?;
        }
    }
    Ok(())
}

fn not_passed(page: &mut String, case: &CaseReport, trouble: &Trouble) -> fmt::Result {
    writeln!(page, "\n### `{}`: {}\n", case.id, case.outcome.label())?;
    writeln!(page, "Clauses: {}\n", case.clauses.join(", "))?;
    // Four spaces make a block that nothing in a provider's answer can end.
    for line in trouble.message.lines() {
        writeln!(page, "    {line}")?;
    }
    if let Some(place) = &trouble.at {
        writeln!(page, "    at {place}")?;
    }
    for call in &trouble.calls {
        let answer = call.answer.as_deref().unwrap_or("(no answer)");
        let text = format!("{}. {} -> {answer}", call.number, call.call);
        writeln!(page, "    {}", text.replace(['\n', '\r'], " "))?;
    }
    writeln!(
        page,
        "\nTo run it again: `--case {} --seed {}`",
        case.id, trouble.seed
    )
}
