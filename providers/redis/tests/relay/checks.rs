//! What must come of the explorations.

use super::explore::explore;
use super::mutants::MUTANTS;
use super::world::Bounds;

/// Every order of failovers and late calls within one window.
const FAILOVERS: Bounds = Bounds {
    messages: 3,
    source_rollbacks: 2,
    target_rollbacks: 2,
    windows: 0,
    relays: 2,
    is_window_kept: true,
};

/// What is forgotten, while another relay still holds what it learned two windows ago.
const WINDOWS: Bounds = Bounds {
    messages: 2,
    source_rollbacks: 1,
    target_rollbacks: 1,
    windows: 2,
    relays: 2,
    is_window_kept: true,
};

/// Failovers before and after something was forgotten.
const BOTH: Bounds = Bounds {
    messages: 3,
    source_rollbacks: 2,
    target_rollbacks: 2,
    windows: 1,
    relays: 1,
    is_window_kept: true,
};

/// Failovers that lose more than is assumed.
const BEYOND: Bounds = Bounds {
    messages: 2,
    source_rollbacks: 2,
    target_rollbacks: 2,
    windows: 1,
    relays: 2,
    is_window_kept: false,
};

/// Finds no broken promise, and tells how much there was to look at.
fn hold_in(bounds: &Bounds) -> String {
    let found = explore(bounds, None);
    assert!(
        found.counterexample.is_none(),
        "{:#?}",
        found.counterexample
    );
    assert!(found.states > 10_000, "only {} states", found.states);
    format!(
        "{} states, {} runs to the end: {bounds:?}",
        found.states, found.runs
    )
}

#[test]
fn every_order_of_failovers_delivers_once() {
    println!("{}", hold_in(&FAILOVERS));
}

#[test]
fn what_is_forgotten_is_not_missed() {
    println!("{}", hold_in(&WINDOWS));
}

#[test]
fn failovers_around_a_window_deliver_once() {
    println!("{}", hold_in(&BOTH));
}

#[test]
fn beyond_the_window_nothing_is_stuck() {
    println!("{}", hold_in(&BEYOND));
}

#[test]
fn every_mutant_is_noticed() {
    for mutant in MUTANTS {
        let found = explore(&WINDOWS, Some(mutant.defect));
        let Some(counterexample) = found.counterexample else {
            panic!("{:?} is not noticed: {}", mutant.defect, mutant.what);
        };
        println!(
            "{:?}: {:?} after {} states: {:?}",
            mutant.defect, counterexample.violation, found.states, counterexample.actions
        );
        assert_eq!(counterexample.violation, mutant.breaks, "{}", mutant.what);
    }
}
