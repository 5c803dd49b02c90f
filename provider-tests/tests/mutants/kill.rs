//! Running the cases that are to notice a mutant.

use std::panic::{set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use duroxide_provider_tests::{CATALOGUE, Case, Outcome, RunOptions, run_case};

use super::committed::Committed;
use super::mutant::{How, Mutant, subject_for};
use super::table::mutants;

/// The real time after which a case is taken to hang on a mutant, if a sound provider takes a small
/// part of it at most. It gets more each time, since the machine may be busy.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// That part.
const REFERENCE_PART: u32 = 8;
/// How often in a row a case must seem to hang: a machine that stands still for some seconds makes
/// any case late, but not each time.
const HANGS_IN_A_ROW: u32 = 2;
/// How often a case is run that must notice: some faults show in a race, where once is nearly always
/// enough.
const TRIES: usize = 6;
/// How many mutants are tried at the same time.
const THREADS: usize = 2;

/// A mutant, and for each of its clauses a case that noticed it: the committed one if it did, else
/// the first. (Before the committed one there may be cases that notice by chance.)
pub(super) struct Verdict {
    pub(super) mutant: &'static Mutant,
    /// In the order of [`Mutant::clauses`].
    pub(super) killers: Vec<Option<&'static str>>,
}

impl Verdict {
    pub(super) fn is_killed(&self) -> bool {
        self.killers.iter().all(Option::is_some)
    }
}

pub(super) fn cases() -> impl Iterator<Item = &'static Case> {
    CATALOGUE.iter().copied().flatten()
}

/// The verdicts on all mutants, in their order.
pub(super) fn kill_all(committed: Option<&Committed>) -> Vec<Verdict> {
    hush();
    let mutants: Vec<_> = mutants().collect();
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = kill(mutant, committed);
                    let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                    verdicts.push(verdict);
                }
            });
        }
    });
    let mut verdicts = verdicts
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let place = |verdict: &Verdict| {
        let name = verdict.mutant.name;
        mutants.iter().position(|mutant| mutant.name == name)
    };
    verdicts.sort_by_key(place);
    verdicts
}

fn kill(mutant: &'static Mutant, committed: Option<&Committed>) -> Verdict {
    let notices_at_all = |case: &&'static Case| (0..TRIES).any(|_| notices(case, mutant.how));
    let killer = |clause: &&'static str| {
        let of_clause = || cases().filter(|case| case.clauses.contains(clause));
        let known = committed.and_then(|it| it.killer(mutant.name, clause));
        let known = mutant.case.or(known);
        let known = of_clause().find(|case| Some(case.id) == known);
        let killer = match known.filter(notices_at_all) {
            None if mutant.case.is_none() => of_clause().find(|case| notices(case, mutant.how)),
            killer => killer,
        };
        killer.map(|case| case.id)
    };
    Verdict {
        mutant,
        killers: mutant.clauses.iter().map(killer).collect(),
    }
}

/// Whether a case fails on a mutant.
fn notices(case: &'static Case, how: How) -> bool {
    let mut limit = TIME_LIMIT;
    let mut hangs = 0;
    loop {
        let Outcome::Failed(failure) = run_within(limit, case, how) else {
            return false;
        };
        if !failure.message.starts_with("the case did not end within") {
            return true;
        }
        let reference = run_within(limit / REFERENCE_PART, case, How::Reference);
        let is_the_mutant = matches!(reference, Outcome::Passed);
        hangs = if is_the_mutant { hangs + 1 } else { 0 };
        if hangs == HANGS_IN_A_ROW {
            return true;
        }
        limit *= 2;
    }
}

fn run_within(limit: Duration, case: &'static Case, how: How) -> Outcome {
    let mut options = RunOptions::default();
    options.time_limit = Some(limit);
    run_case(case, &subject_for(case, how), &options)
}

/// Keeps the panics of cases off the terminal: they are what is wanted.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            let thread = thread::current();
            let name = thread.name().unwrap_or_default();
            let is_of_a_case = name.starts_with("tokio") || cases().any(|case| case.id == name);
            if !is_of_a_case {
                usual(panic);
            }
        }));
    });
}
