//! The cases about time on the server's own clock, which the suite replaces otherwise.
#![expect(clippy::expect_used, reason = "a failed test panics")]

use std::sync::atomic::{AtomicUsize, Ordering};

use duroxide_provider_tests::{CATALOGUE, Case, Outcome, RunOptions, Subject, run_case};
use duroxide_redis::conformance::RedisFixture;

/// What leases, delays, waits and claims are about.
const AREAS: [&str; 4] = ["::lea::", "::dly::", "::wak::", "::clm::"];
/// A lease of a case takes 3 s.
const SPEEDUP: u32 = 10;
/// A lease of a case takes 10 s.
const SLOWER: u32 = 3;
/// How many cases share the machine; they mostly sleep.
const CASES_AT_ONCE: usize = 12;

fn cases() -> Vec<&'static Case> {
    let all = CATALOGUE.iter().copied().flatten();
    all.filter(|case| AREAS.iter().any(|area| case.id.contains(area)))
        .collect()
}

/// Runs these cases, each on a store of its own.
fn run_all(cases: &[&'static Case], speedup: u32) -> Vec<(&'static Case, Outcome)> {
    let subject = Subject::new(RedisFixture::single().in_real_time(speedup));
    let next = AtomicUsize::new(0);
    let run_some = || {
        let mut outcomes = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            outcomes.push((*case, run_case(case, &subject, &RunOptions::default())));
        }
        outcomes
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CASES_AT_ONCE).map(|_| scope.spawn(run_some)).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .flat_map(|outcomes| outcomes.expect("run_case does not panic"))
            .collect()
    })
}

/// A machine that pauses at the wrong moment lets a case fail, and cannot let it pass. Whatever
/// failed is therefore run once more, slower, and must pass then.
#[test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
fn the_cases_about_time_pass_on_the_clock_of_the_server() {
    let mut stalled = Vec::new();
    let mut passed = 0;
    for (case, outcome) in run_all(&cases(), SPEEDUP) {
        match outcome {
            Outcome::Passed => passed += 1,
            // It says itself that real time is not for it.
            Outcome::Skipped(_) => {}
            Outcome::Failed(_) | Outcome::Unavailable(_) | Outcome::NotSupported => {
                println!("{} is run again: {outcome:?}", case.id);
                stalled.push(case);
            }
        }
    }
    for (case, outcome) in run_all(&stalled, SLOWER) {
        assert!(matches!(outcome, Outcome::Passed), "{case:?}: {outcome:?}");
        passed += 1;
    }
    assert!(passed > 50, "{passed} cases passed");
}
