//! A crash at every call that writes: before it, after it, and after it with the reply lost.
//!
//! One scripted run of every shape is repeated, and each time the store or its process fails at
//! another call. Whatever happens, the run comes to its end, nothing that was acknowledged is gone,
//! and each step is recorded once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::future_not_send,
    reason = "tests: what cannot happen fails the test, and a trial stays on its thread"
)]

mod support;

#[path = "crash_points/code.rs"]
mod code;
#[path = "crash_points/enumerate.rs"]
mod enumerate;
#[path = "crash_points/ledger.rs"]
mod ledger;
#[path = "crash_points/line.rs"]
mod line;
#[path = "crash_points/point.rs"]
mod point;
#[path = "crash_points/record.rs"]
mod record;
#[path = "crash_points/script.rs"]
mod script;
#[path = "crash_points/stage.rs"]
mod stage;
#[path = "crash_points/trial.rs"]
mod trial;
