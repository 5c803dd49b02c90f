//! What a run shows while it goes on, on standard error.

use super::console::Console;
use crate::report::{CaseReport, Mark};

/// How often a run says how far it is where lines cannot be rewritten.
const INTERVAL_MS: u64 = 10_000;
/// A terminal narrower than this wraps the line, which does no harm.
const COLUMNS: usize = 79;
/// Back to the beginning of the line, which is made empty.
const REWIND: &str = "\r\u{1b}[2K";

/// One line that is rewritten on a terminal, and a line now and then elsewhere.
#[derive(Debug)]
pub(super) struct Progress<'a, 'b> {
    console: &'a mut Console<'b>,
    cases: usize,
    done: usize,
    not_passed: usize,
    said_ms: u64,
}

impl<'a, 'b> Progress<'a, 'b> {
    pub(super) fn new(console: &'a mut Console<'b>, cases: usize, now_ms: u64) -> Self {
        Self {
            console,
            cases,
            done: 0,
            not_passed: 0,
            said_ms: now_ms,
        }
    }

    /// A case has begun.
    pub(super) fn began(&mut self, id: &str) {
        if self.console.rewrites_lines() {
            let line = format!("{}  {id}", self.count());
            let line: String = line.chars().take(COLUMNS).collect();
            self.console.mention(&format!("{REWIND}{line}"));
        }
    }

    /// A case has ended.
    pub(super) fn ended(&mut self, case: &CaseReport, now_ms: u64) {
        self.done += 1;
        match case.outcome {
            Mark::Passed | Mark::NotSupported => {}
            Mark::Failed if case.runs > 0 => {
                self.not_passed += 1;
                let reason = case.message().lines().next().unwrap_or_default();
                self.line(&format!("FAILED {}: {reason}", case.id));
            }
            // What was not run has often the same reason; the report has each reason once.
            Mark::Failed | Mark::Skipped | Mark::Unavailable => self.not_passed += 1,
        }
        if !self.console.rewrites_lines() && now_ms.saturating_sub(self.said_ms) >= INTERVAL_MS {
            self.said_ms = now_ms;
            let count = self.count();
            self.line(&count);
        }
    }

    /// Everything has ended: the line makes room for the report.
    pub(super) fn finish(&mut self) {
        if self.console.rewrites_lines() {
            self.console.mention(REWIND);
        }
    }

    fn count(&self) -> String {
        let not_passed = match self.not_passed {
            0 => String::new(),
            count => format!(", {count} not passed"),
        };
        format!("{} of {} cases{not_passed}", self.done, self.cases)
    }

    fn line(&mut self, text: &str) {
        let rewind = if self.console.rewrites_lines() {
            REWIND
        } else {
            ""
        };
        self.console.mention(&format!("{rewind}{text}\n"));
    }
}
