//! A report for a document.

use std::fmt::Write as _;

use super::strengths::strengths;
use super::table::{costs, notes, speed};
use super::{BackendInfo, Report};

/// Where it was measured and what, the tables, what each backend is best at, and what else there is to say.
pub(crate) fn markdown(report: &Report) -> String {
    let mut text = about(report);
    for grid in [speed(report), costs(report).without_empty_columns()] {
        if !grid.is_empty() {
            text.push('\n');
            text.push_str(&grid.markdown());
        }
    }
    for line in strengths(report) {
        // Writing to a text does not fail.
        write!(text, "\n- {line}").ok();
    }
    for note in notes(report) {
        write!(text, "\n\n{note}").ok();
    }
    text.trim_end().to_owned() + "\n"
}

fn about(report: &Report) -> String {
    let machine = &report.machine;
    let processor = machine.processor.as_deref().unwrap_or("unknown processor");
    let mut text = format!(
        "duroxide {}; {} × {processor}, {}",
        report.version, machine.processors, machine.system
    );
    if let Some(mib) = machine.memory_mib {
        write!(text, ", {} GiB", mib.div_ceil(1024)).ok();
    }
    if let Some(millis) = machine.flush_ms {
        write!(text, "; a page and `fdatasync`: {millis:.2} ms").ok();
    }
    for backend in &report.backends {
        write!(text, "; {}", backend_of(backend)).ok();
    }
    text + ".\n"
}

/// A backend with what it stores in and what an acknowledged commit survives.
fn backend_of(backend: &BackendInfo) -> String {
    let durability = backend.durability.as_deref();
    let words = [backend.backend.as_deref(), durability];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    format!("{}: {}", backend.name, words.join(", "))
}
