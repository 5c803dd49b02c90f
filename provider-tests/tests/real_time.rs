//! The cases on a store whose time nobody can move: the in-memory provider on the machine's clock.
#![expect(clippy::expect_used, reason = "a failed test panics")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use duroxide_core::clock::{Clock, ManualClock, SystemClock};
use duroxide_core::providers::Provider;
use duroxide_memory::{MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{
    CATALOGUE, Case, Fixture, Outcome, Profile, RealTime, RunOptions, Store, Subject, TestClock,
    Unavailable, VIRTUAL_TIME_ONLY, run_case,
};

/// A lease of a case takes 1.5 s.
const SPEEDUP: u32 = 20;
/// How much faster than real time the cases are run, and how many of them at once; they mostly sleep.
/// What fails, since the machine paused longer than a second of the case takes, is run again as the
/// next line says. In the last one a lease takes 15 s.
const ATTEMPTS: [(u32, usize); 4] = [(SPEEDUP, 48), (5, 20), (5, 8), (2, 4)];

struct InRealTime {
    speedup: u32,
    clock: fn() -> Arc<dyn Clock>,
}

struct RealStore {
    clock: RealTime,
    provider: Arc<MemoryProvider>,
}

#[async_trait]
impl Fixture for InRealTime {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let options = MemoryOptions::default().clock((self.clock)());
        Ok(Box::new(RealStore {
            clock: RealTime::new(self.speedup),
            provider: Arc::new(MemoryProvider::with_options(options)),
        }))
    }
}

#[async_trait]
impl Store for RealStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::clone(&self.provider) as Arc<dyn Provider>)
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}

fn cases() -> Vec<&'static Case> {
    let wanted = [Profile::Required, Profile::Management];
    let all = CATALOGUE.iter().copied().flatten();
    all.filter(|case| wanted.contains(&case.profile)).collect()
}

/// Runs these cases, so many at a time, each on a store of its own.
fn run_all(cases: &[&'static Case], speedup: u32, at_once: usize) -> Vec<(&'static Case, Outcome)> {
    let subject = Subject::new(InRealTime {
        speedup,
        clock: SystemClock::shared,
    });
    let options = RunOptions::default();
    let next = AtomicUsize::new(0);
    let run_some = || {
        let mut outcomes = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            outcomes.push((*case, run_case(case, &subject, &options)));
        }
        outcomes
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(run_some)).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .flat_map(|outcomes| outcomes.expect("run_case does not panic"))
            .collect()
    })
}

/// A machine that pauses at the wrong moment lets a case fail, and cannot let it pass. Whatever
/// failed is therefore run again, slower and with less around it, and must pass in the end.
#[test]
fn the_cases_pass_on_real_time() {
    let (mut left, mut skipped) = (cases(), BTreeSet::new());
    for (speedup, at_once) in ATTEMPTS {
        let mut stalled = Vec::new();
        for (case, outcome) in run_all(&left, speedup, at_once) {
            match outcome {
                Outcome::Passed => {}
                Outcome::Skipped(_) => drop(skipped.insert(case.id)),
                Outcome::Failed(_) | Outcome::Unavailable(_) | Outcome::NotSupported => {
                    println!("{} failed, {speedup} times as fast: {outcome:?}", case.id);
                    stalled.push(case);
                }
            }
        }
        left = stalled;
    }
    assert!(left.is_empty(), "failed however slow: {left:?}");

    let mut listed: BTreeSet<_> = VIRTUAL_TIME_ONLY.iter().map(|(id, _)| *id).collect();
    listed.retain(|id| cases().iter().any(|case| case.id == *id));
    assert_eq!(skipped, listed, "no other case is skipped");
}

/// Slower is no excuse: what never happens is found out on real time as well.
#[test]
fn a_store_whose_time_stands_still_fails_on_real_time() {
    let subject = Subject::new(InRealTime {
        speedup: SPEEDUP,
        clock: || Arc::new(ManualClock::at_ms(1)),
    });
    let expires = "required::lea::an_expired_turn_comes_back";
    let case = cases().into_iter().find(|case| case.id == expires);

    let outcome = case.map(|case| run_case(case, &subject, &RunOptions::default()));

    assert!(matches!(outcome, Some(Outcome::Failed(_))), "{outcome:?}");
}
