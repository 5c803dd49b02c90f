//! Runs the chosen cases, several at a time, and reports.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use duroxide_core::clock::{Clock as _, SystemClock};

use super::arguments::{Format, Options};
use super::console::Console;
use super::credibility::believed;
use super::panics::QuietPanics;
use super::probe::{Silent, probe};
use super::progress::Progress;
use crate::case::{Case, Profile};
use crate::report::{About, CaseReport, Draws, Effort, Report, Style, utc};
use crate::suite::{Failure, Outcome, RunOptions, Seed, Subject, run_case};
use crate::transcript::Transcript;

/// Runs what the options choose, reports, and answers the exit code.
pub(super) fn run(
    console: &mut Console<'_>,
    subject: Subject,
    options: &Options,
) -> Result<ExitCode, String> {
    let cases = options.filters.select()?;
    if let Some(file) = &options.output {
        // Now, and not after a long run.
        write(file, "")?;
    }
    let report = report(console, subject, options, &cases);
    publish(console, &report, options)?;
    Ok(ExitCode::from(u8::from(!report.is_a_pass())))
}

fn report(
    console: &mut Console<'_>,
    subject: Subject,
    options: &Options,
    cases: &[&'static Case],
) -> Report {
    let quiet = QuietPanics::begin();
    let began_ms = SystemClock.now_ms();
    let (provider, known) = match probe(&subject, options.run.time_limit) {
        Ok(probe) => {
            let known = Known::Offered(probe.offered);
            (Some((probe.implementation, probe.time)), known)
        }
        Err(silent) => (None, Known::Silent(silent)),
    };
    let runner = Runner {
        subject,
        options,
        known,
        quiet,
    };
    let endings = runner.subject.endings.clone();
    let reports = runner.run_all(console, cases);
    let (endings, doubt) = believed(&runner.subject, endings.seen(), options.run.time_limit);
    if let Some(why) = doubt {
        console.mention(&format!(
            "the fixture's `crash` kills nothing, so the report says that handles were dropped: {why}\n"
        ));
    }
    let about = About {
        date: utc(began_ms),
        provider,
        draws: Draws {
            seed: options.run.seed.0,
            repeat: options.repeat,
            rounds: options.run.rounds,
        },
        endings,
        duration_ms: since(began_ms),
    };
    Report::new(about, reports)
}

fn publish(console: &mut Console<'_>, report: &Report, options: &Options) -> Result<(), String> {
    let style = match options.output {
        Some(_) => Style::Plain,
        None => console.style(),
    };
    let text = match options.format {
        Format::Terminal => report.terminal(style),
        Format::Json => report.json().map_err(|error| error.to_string())?,
        Format::Markdown => report.markdown(),
        Format::Junit => report.junit(),
    };
    let Some(file) = &options.output else {
        console.print(&text);
        return Ok(());
    };
    console.print(&report.terminal(console.style()));
    write(file, &text)
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

/// What is known of a provider before its cases are run.
enum Known {
    Offered(Vec<Profile>),
    Silent(Silent),
}

/// What the threads that run cases share.
struct Runner<'a> {
    subject: Subject,
    options: &'a Options,
    known: Known,
    quiet: QuietPanics,
}

/// What the threads that run cases tell.
enum Event {
    Began(&'static Case),
    Ended(usize, CaseReport),
}

impl Runner<'_> {
    /// Runs the cases and returns their reports in the same order.
    fn run_all(&self, console: &mut Console<'_>, cases: &[&'static Case]) -> Vec<CaseReport> {
        let next = AtomicUsize::new(0);
        let (events, happened) = channel();
        let mut progress = Progress::new(console, cases.len(), SystemClock.now_ms());
        let mut reports = Vec::with_capacity(cases.len());
        thread::scope(|scope| {
            for _ in 0..self.options.jobs.min(cases.len()) {
                let events = events.clone();
                let next = &next;
                scope.spawn(move || self.take_cases(cases, next, &events));
            }
            drop(events);
            for event in happened {
                match event {
                    Event::Began(case) => progress.began(case.id),
                    Event::Ended(index, report) => {
                        progress.ended(&report, SystemClock.now_ms());
                        reports.push((index, report));
                    }
                }
            }
        });
        progress.finish();
        reports.sort_by_key(|(index, _)| *index);
        reports.into_iter().map(|(_, report)| report).collect()
    }

    fn take_cases(&self, cases: &[&'static Case], next: &AtomicUsize, events: &Sender<Event>) {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(index).copied() else {
                return;
            };
            // The listener stays until every sender is gone.
            events.send(Event::Began(case)).ok();
            events
                .send(Event::Ended(index, self.run_repeatedly(case)))
                .ok();
        }
    }

    /// Runs a case with one seed after the other, until it does not pass.
    fn run_repeatedly(&self, case: &'static Case) -> CaseReport {
        let began_ms = SystemClock.now_ms();
        let mut seed = self.options.run.seed;
        let mut effort = Effort::default();
        if let Some(outcome) = self.known_outcome(case) {
            return CaseReport::new(case, outcome, seed, effort);
        }
        let outcome = loop {
            let options = RunOptions {
                seed,
                ..self.options.run.clone()
            };
            let outcome = run_case(case, &self.subject, &options);
            effort.runs += 1;
            if effort.runs >= self.options.repeat || !matches!(outcome, Outcome::Passed) {
                break outcome;
            }
            seed = Seed(seed.0.wrapping_add(1));
        };
        effort.duration_ms = since(began_ms);
        CaseReport::new(case, outcome, seed, effort).at(self.quiet.take_place(case.id))
    }

    /// What comes of a case that cannot be run.
    fn known_outcome(&self, case: &Case) -> Option<Outcome> {
        match &self.known {
            Known::Offered(profiles) if profiles.contains(&case.profile) => None,
            Known::Offered(_) => Some(Outcome::NotSupported),
            Known::Silent(Silent::Unavailable(remedy)) => {
                Some(Outcome::Unavailable(remedy.clone()))
            }
            // Every case opens a store first, and would fail at the same place.
            Known::Silent(Silent::Broken(why)) => Some(Outcome::Failed(Failure {
                message: format!("no store could be opened: {why}"),
                transcript: Transcript::default(),
            })),
        }
    }
}

fn since(began_ms: u64) -> u64 {
    SystemClock.now_ms().saturating_sub(began_ms)
}
