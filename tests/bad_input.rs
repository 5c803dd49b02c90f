//! Bad input: a typed error that says what to do, no hang, nothing else disturbed, nothing lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "tests: what cannot happen fails the test, and handlers own their inputs"
)]

mod support;

#[path = "bad_input/children.rs"]
mod children;
#[path = "bad_input/damage.rs"]
mod damage;
#[path = "bad_input/history_cap.rs"]
mod history_cap;
#[path = "bad_input/ids.rs"]
mod ids;
#[path = "bad_input/later_versions.rs"]
mod later_versions;
#[path = "bad_input/names.rs"]
mod names;
#[path = "bad_input/not_durable.rs"]
mod not_durable;
#[path = "bad_input/panics.rs"]
mod panics;
#[path = "bad_input/payloads.rs"]
mod payloads;
#[path = "bad_input/refused_commits.rs"]
mod refused_commits;
