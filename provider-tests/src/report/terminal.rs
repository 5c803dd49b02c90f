//! The report for the reader of a terminal: what is wrong first, then the table, then the verdict.

use std::fmt::{self, Write as _};

use super::case::{CaseReport, Trouble};
use super::mark::Mark;
use super::profile::{ProfileReport, ProfileResult};
use super::style::Style;
use super::{Report, Time, Verdict};

/// Enough of a line to recognise it by; the JSON form has more of it.
const CHARS_MAX: usize = 400;

pub(super) fn render(report: &Report, style: Style) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    write_report(&mut text, report, style).ok();
    text
}

fn write_report(out: &mut String, report: &Report, style: Style) -> fmt::Result {
    let was_run = |case: &&CaseReport| case.runs > 0;
    for case in report.marked(Mark::Failed).filter(was_run) {
        failure(out, case, style)?;
    }
    for mark in [Mark::Failed, Mark::Unavailable, Mark::Skipped] {
        let is_explained = |case: &&CaseReport| mark == Mark::Failed && was_run(case);
        let cases = report.marked(mark).filter(|case| !is_explained(case));
        reasons(out, mark, cases, style)?;
    }
    head(out, report)?;
    table(out, report, style)?;
    writeln!(out, "\n{}", verdict(report, style))
}

fn failure(out: &mut String, case: &CaseReport, style: Style) -> fmt::Result {
    let title = style.bold(&style.red(&format!("FAILED {}", case.id)));
    writeln!(out, "{title}\n  shows {}", case.clauses.join(", "))?;
    if let Some(trouble) = &case.trouble {
        why(out, case, trouble)?;
    }
    writeln!(out)
}

fn why(out: &mut String, case: &CaseReport, trouble: &Trouble) -> fmt::Result {
    writeln!(out)?;
    for line in trouble.message.lines() {
        writeln!(out, "    {}", clipped(line))?;
    }
    if let Some(place) = &trouble.at {
        writeln!(out, "    at {place}")?;
    }
    match (trouble.calls.len(), trouble.calls_made) {
        (_, 0) => writeln!(out, "\n  no call was made")?,
        (shown, made) if shown < made => writeln!(out, "\n  the last {shown} of {made} calls:")?,
        _ => writeln!(out, "\n  calls:")?,
    }
    for call in &trouble.calls {
        let answer = call.answer.as_deref().unwrap_or("(no answer)");
        writeln!(out, "  {:>4}. {}", call.number, clipped(&call.call))?;
        writeln!(out, "        -> {}", clipped(answer))?;
    }
    writeln!(
        out,
        "\n  run it again: --case {} --seed {}",
        case.id, trouble.seed
    )
}

/// Cases that were not run, by their reason, since it is often the same for all of them.
fn reasons<'a>(
    out: &mut String,
    mark: Mark,
    cases_of_mark: impl Iterator<Item = &'a CaseReport>,
    style: Style,
) -> fmt::Result {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for case in cases_of_mark {
        match seen
            .iter_mut()
            .find(|(reason, _)| *reason == case.message())
        {
            Some((_, count)) => *count += 1,
            None => seen.push((case.message(), 1)),
        }
    }
    for (reason, count) in seen {
        let title = style.yellow(&format!("{}: {}", mark.label(), cases(count)));
        writeln!(out, "{title}\n    {}\n", clipped(reason))?;
    }
    Ok(())
}

fn head(out: &mut String, report: &Report) -> fmt::Result {
    match &report.implementation {
        Some(it) => {
            write!(out, "{} {}, {}", it.name, it.version, it.backend)?;
            writeln!(out, ", mode {}, durability {}", it.mode, it.durability)?;
        }
        None => writeln!(out, "a provider that could not be asked who it is")?,
    }
    write!(out, "contract {}, suite {}", report.contract, report.suite)?;
    let time = match report.time {
        Some(Time::Virtual) => ", virtual time".to_owned(),
        Some(Time::Real { speedup: 1 }) => ", real time".to_owned(),
        Some(Time::Real { speedup }) => format!(", real time, {speedup} times as fast"),
        None => String::new(),
    };
    writeln!(out, ", {}{time}", report.draws)?;
    let endings = report.endings_for_people();
    writeln!(out, "processes with a store: {endings}\n")
}

fn table(out: &mut String, report: &Report, style: Style) -> fmt::Result {
    let header = format!(
        "{:<14}{:<15}{:>6}{:>8}{:>8}{:>9}{:>13}{:>10}",
        "profile", "result", "cases", "passed", "failed", "skipped", "unavailable", "case time"
    );
    writeln!(out, "{}", style.bold(&header))?;
    for profile in &report.profiles {
        row(out, profile, style)?;
    }
    Ok(())
}

fn row(out: &mut String, profile: &ProfileReport, style: Style) -> fmt::Result {
    let label = format!("{:<15}", profile.result.label());
    let label = match profile.result {
        ProfileResult::Passed => style.green(&label),
        ProfileResult::Failed | ProfileResult::Unavailable => style.red(&label),
        ProfileResult::Partial => style.yellow(&label),
        ProfileResult::NotSupported | ProfileResult::NotSelected => label,
    };
    write!(out, "{:<14}{label}{:>6}", profile.name, profile.cases)?;
    if !profile.result.was_run() {
        return writeln!(out, "{:>8}{:>8}{:>9}{:>13}{:>10}", "-", "-", "-", "-", "-");
    }
    writeln!(
        out,
        "{:>8}{:>8}{:>9}{:>13}{:>10}",
        profile.passed,
        profile.failed,
        profile.skipped,
        profile.unavailable,
        seconds(profile.duration_ms)
    )
}

fn verdict(report: &Report, style: Style) -> String {
    let duration = seconds(report.duration_ms);
    let [passed, failed, skipped, unavailable, not_supported] = [
        Mark::Passed,
        Mark::Failed,
        Mark::Skipped,
        Mark::Unavailable,
        Mark::NotSupported,
    ]
    .map(|mark| report.count(mark));
    let text = match report.verdict {
        Verdict::Passed => style.green(&format!("PASSED: all {} that it must pass", cases(passed))),
        Verdict::Partial if report.is_a_pass() => {
            let all = report.cases_in_catalogue();
            style.green(&format!(
                "PASSED a selection: {passed} of {} in the suite",
                cases(all)
            ))
        }
        Verdict::Partial => style.yellow(&format!(
            "PARTIAL: {} passed, {skipped} skipped",
            cases(passed)
        )),
        Verdict::Failed => style.red(&format!("FAILED: {}, {passed} passed", cases(failed))),
        Verdict::Unavailable => {
            style.red(&format!("UNAVAILABLE: {} had no store", cases(unavailable)))
        }
        Verdict::NotSupported => style.red("NOTHING WAS RUN: the provider offers none of it"),
    };
    let besides = match (report.verdict, not_supported) {
        (Verdict::NotSupported, _) | (_, 0) => String::new(),
        (_, count) => format!(", {} not supported", cases(count)),
    };
    format!("{text}{besides}, in {duration}")
}

fn cases(count: usize) -> String {
    match count {
        1 => "1 case".to_owned(),
        count => format!("{count} cases"),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
}

/// The beginning of a long line, without what a terminal would obey.
fn clipped(line: &str) -> String {
    let harmless = |character: char| match character {
        character if character.is_control() => '\u{fffd}',
        character => character,
    };
    let mut chars = line.chars().map(harmless);
    let mut text: String = chars.by_ref().take(CHARS_MAX).collect();
    if chars.next().is_some() {
        text.push('…');
    }
    text
}
