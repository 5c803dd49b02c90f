//! The report as the XML that continuous-integration servers read: a suite for each profile.

use std::fmt::{self, Write as _};

use super::Report;
use super::case::CaseReport;
use super::mark::Mark;
use super::profile::ProfileReport;

pub(super) fn render(report: &Report) -> String {
    let mut xml = String::new();
    // Writing to a string cannot fail.
    write_suites(&mut xml, report).ok();
    xml
}

fn write_suites(xml: &mut String, report: &Report) -> fmt::Result {
    writeln!(xml, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let name = match &report.implementation {
        Some(it) => format!("{} {} {}", it.name, it.version, it.mode),
        None => "unknown".to_owned(),
    };
    writeln!(
        xml,
        r#"<testsuites name="{}" tests="{}" failures="{}" errors="{}" skipped="{}" time="{}">"#,
        escaped(&name),
        report.cases.len(),
        report.count(Mark::Failed),
        report.count(Mark::Unavailable),
        report.count(Mark::Skipped) + report.count(Mark::NotSupported),
        seconds(report.duration_ms)
    )?;
    for profile in &report.profiles {
        let cases: Vec<_> = report
            .cases
            .iter()
            .filter(|case| case.profile.name() == profile.name)
            .collect();
        if !cases.is_empty() {
            suite(xml, profile, &cases)?;
        }
    }
    writeln!(xml, "</testsuites>")
}

fn suite(xml: &mut String, profile: &ProfileReport, cases: &[&CaseReport]) -> fmt::Result {
    writeln!(
        xml,
        r#"  <testsuite name="{}" tests="{}" failures="{}" errors="{}" skipped="{}" time="{}">"#,
        profile.name,
        cases.len(),
        profile.failed,
        profile.unavailable,
        profile.skipped + profile.not_supported,
        seconds(profile.duration_ms)
    )?;
    for case in cases {
        write_case(xml, case)?;
    }
    writeln!(xml, "  </testsuite>")
}

fn write_case(xml: &mut String, case: &CaseReport) -> fmt::Result {
    let (class, name) = case.id.rsplit_once("::").unwrap_or(("", case.id));
    write!(
        xml,
        r#"    <testcase classname="{class}" name="{name}" time="{}""#,
        seconds(case.duration_ms)
    )?;
    let clauses = case.clauses.join(", ");
    let message = escaped(case.message());
    match case.outcome {
        Mark::Passed => writeln!(xml, "/>"),
        Mark::Skipped => writeln!(xml, r#"><skipped message="{message}"/></testcase>"#),
        Mark::NotSupported => {
            writeln!(xml, r#"><skipped message="not supported"/></testcase>"#)
        }
        Mark::Unavailable => {
            writeln!(
                xml,
                r#"><error type="unavailable" message="{message}"/></testcase>"#
            )
        }
        Mark::Failed => {
            write!(xml, r#"><failure type="{clauses}" message="{message}">"#)?;
            for call in case.trouble.iter().flat_map(|trouble| &trouble.calls) {
                let answer = call.answer.as_deref().unwrap_or("(no answer)");
                let text = format!("{}. {} -> {answer}", call.number, call.call);
                writeln!(xml, "{}", escaped(&text))?;
            }
            writeln!(xml, "</failure></testcase>")
        }
    }
}

/// Text that may stand in an attribute or between tags. What XML cannot express at all is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
