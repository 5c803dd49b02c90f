//! Whether the check finds what is wrong: a finished run is damaged in one way after another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

#[path = "teeth/damage.rs"]
mod damage;
#[path = "teeth/finished.rs"]
mod finished;

use damage::DAMAGES;
use finished::Finished;

#[test]
fn every_damage_is_found() {
    let finished = Finished::run();
    finished.copy().check().expect("nothing is wrong yet");
    let mut missed = Vec::new();
    for damage in DAMAGES {
        let copy = finished.copy();
        damage.how.apply(&copy);
        match copy.check() {
            Ok(()) => missed.push(format!("{} is not found", damage.name)),
            Err(said) if said.contains(damage.found_as) => {}
            Err(said) => missed.push(format!("{} is found as {said}", damage.name)),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
