//! Every point, one after another, on a few threads.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::point::{Crash, Method, Point};
use crate::record::Record;
use crate::trial;

/// How many trials share the machine; they mostly wait.
const THREADS: usize = 8;

/// The trials with a crash at each call of one method, as the threads share them.
struct Enumeration<'a> {
    method: Method,
    undisturbed: &'a Record,
    next_call: AtomicU64,
    /// Set by the first call that no run gets to.
    is_over: AtomicBool,
    /// How often each crash came.
    came: [AtomicU64; Crash::ALL.len()],
    failures: Mutex<Vec<String>>,
}

impl Enumeration<'_> {
    fn work(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let call = self.next_call.fetch_add(1, Ordering::SeqCst);
            let mut is_over = true;
            for (crash, came) in Crash::ALL.into_iter().zip(&self.came) {
                let method = self.method;
                if self.attempt(Point {
                    method,
                    call,
                    crash,
                }) {
                    came.fetch_add(1, Ordering::SeqCst);
                    is_over = false;
                }
            }
            self.is_over.fetch_or(is_over, Ordering::SeqCst);
        }
    }

    /// True if the run got as far as the point and to its end.
    fn attempt(&self, point: Point) -> bool {
        let Ok(trial) = catch_unwind(|| trial::run(Some(point))) else {
            self.fail(format!("{point}: see the panic above"));
            return false;
        };
        if trial.record != *self.undisturbed {
            let (found, expected) = (&trial.record, self.undisturbed);
            self.fail(format!("{point}: {found:#?}\ninstead of {expected:#?}"));
        }
        trial.has_crashed
    }

    fn fail(&self, failure: String) {
        let failures = self.failures.lock();
        failures
            .unwrap_or_else(PoisonError::into_inner)
            .push(failure);
    }
}

/// Crashes at each call of a method; fails if one of them did harm, or none came.
fn crash_at_every(method: Method, undisturbed: &Record) {
    let enumeration = Enumeration {
        method,
        undisturbed,
        next_call: AtomicU64::new(1),
        is_over: AtomicBool::new(false),
        came: Default::default(),
        failures: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| enumeration.work());
        }
    });
    let failures = enumeration.failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} failures, the first of them {}",
        failures.len(),
        failures[0]
    );
    for (crash, came) in Crash::ALL.iter().zip(enumeration.came) {
        assert_ne!(came.into_inner(), 0, "{crash:?} {method:?} never came");
    }
}

#[test]
fn a_run_survives_a_crash_at_every_call_that_writes() {
    let undisturbed = trial::run(None).record;
    for method in Method::ALL {
        crash_at_every(method, &undisturbed);
    }
}
