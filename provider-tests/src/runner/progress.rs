//! What a run shows while it goes on, on standard error.

use std::io::{IsTerminal, Write as _, stderr};

use crate::report::{CaseReport, Mark};

/// How often a run says how far it is where lines cannot be rewritten.
const INTERVAL_MS: u64 = 10_000;
/// A terminal narrower than this wraps the line, which does no harm.
const COLUMNS: usize = 79;
/// Back to the beginning of the line, which is made empty.
const REWIND: &str = "\r\u{1b}[2K";

/// One line that is rewritten on a terminal, and a line now and then elsewhere.
#[derive(Debug)]
pub(super) struct Progress {
    is_terminal: bool,
    cases: usize,
    done: usize,
    not_passed: usize,
    said_ms: u64,
}

impl Progress {
    pub(super) fn new(cases: usize, now_ms: u64) -> Self {
        Self {
            is_terminal: stderr().is_terminal(),
            cases,
            done: 0,
            not_passed: 0,
            said_ms: now_ms,
        }
    }

    /// A case has begun.
    pub(super) fn began(&self, id: &str) {
        if self.is_terminal {
            let line = format!("{}  {id}", self.count());
            let line: String = line.chars().take(COLUMNS).collect();
            say(&format!("{REWIND}{line}"));
        }
    }

    /// A case has ended.
    pub(super) fn ended(&mut self, case: &CaseReport, now_ms: u64) {
        self.done += 1;
        match case.outcome {
            Mark::Passed | Mark::NotSupported => {}
            Mark::Failed => {
                self.not_passed += 1;
                let reason = case.message().lines().next().unwrap_or_default();
                self.line(&format!("FAILED {}: {reason}", case.id));
            }
            // Their reasons are often the same for all of them; the report has each once.
            Mark::Skipped | Mark::Unavailable => self.not_passed += 1,
        }
        if !self.is_terminal && now_ms.saturating_sub(self.said_ms) >= INTERVAL_MS {
            self.said_ms = now_ms;
            self.line(&self.count());
        }
    }

    /// Everything has ended: the line makes room for the report.
    pub(super) fn finish(&self) {
        if self.is_terminal {
            say(REWIND);
        }
    }

    fn count(&self) -> String {
        let not_passed = match self.not_passed {
            0 => String::new(),
            count => format!(", {count} not passed"),
        };
        format!("{}/{}{not_passed}", self.done, self.cases)
    }

    fn line(&self, text: &str) {
        let rewind = if self.is_terminal { REWIND } else { "" };
        say(&format!("{rewind}{text}\n"));
    }
}

fn say(text: &str) {
    let mut err = stderr().lock();
    // A run goes on without anybody watching.
    err.write_all(text.as_bytes())
        .and_then(|()| err.flush())
        .ok();
}
