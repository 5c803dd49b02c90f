//! Every point, one after another, on a few threads.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::point::{Crash, Method, Point};
use crate::record::Record;
use crate::trial;

/// How many trials share the machine; they mostly wait.
const THREADS: usize = 8;

/// How often a crash came at each method, and what went wrong.
#[derive(Default)]
struct Tally {
    came: BTreeMap<(Method, Crash), usize>,
    failures: Vec<String>,
}

/// What the threads share.
struct Enumeration {
    undisturbed: Record,
    next_call: AtomicU64,
    /// Set by the first call that no run gets to.
    is_over: AtomicBool,
    tally: Mutex<Tally>,
}

impl Enumeration {
    fn work(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let call = self.next_call.fetch_add(1, Ordering::SeqCst);
            let mut came = false;
            for crash in Crash::ALL {
                came |= self.attempt(Point { call, crash });
            }
            if !came {
                self.is_over.store(true, Ordering::SeqCst);
            }
        }
    }

    /// True if the run got as far as the point.
    fn attempt(&self, point: Point) -> bool {
        let result = catch_unwind(|| trial::run(Some(point)));
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(trial) = result else {
            tally.failures.push(format!("{point}: see the panic above"));
            return true;
        };
        if trial.record != self.undisturbed {
            let (found, expected) = (&trial.record, &self.undisturbed);
            tally
                .failures
                .push(format!("{point}: {found:#?}\ninstead of {expected:#?}"));
        }
        if let Some(method) = trial.crashed_at {
            *tally.came.entry((method, point.crash)).or_default() += 1;
        }
        trial.crashed_at.is_some()
    }
}

#[test]
fn a_run_survives_a_crash_at_every_call_that_writes() {
    let enumeration = Enumeration {
        undisturbed: trial::run(None).record,
        next_call: AtomicU64::new(1),
        is_over: AtomicBool::new(false),
        tally: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| enumeration.work());
        }
    });
    let tally = enumeration.tally.into_inner().unwrap();
    assert!(
        tally.failures.is_empty(),
        "{} failures, the first of them {}",
        tally.failures.len(),
        tally.failures[0]
    );
    for method in Method::ALL {
        for crash in Crash::ALL {
            let came = tally.came.contains_key(&(method, crash));
            assert!(came, "{crash:?} {method:?} never came: {:?}", tally.came);
        }
    }
    println!("{:?}", tally.came);
}
