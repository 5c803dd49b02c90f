//! The points of the engine, each as a small table of steps.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "a test that meets an unexpected kind fails, which is what it is for"
)]

mod bench;
mod cancellation;
mod combinators;
mod continuation;
mod copying;
mod external;
mod failures;
mod grace;
mod long_histories;
mod matching;
mod old_histories;
mod programs;
mod raised;
mod refusals;
mod retries;
mod rewinding;
mod tries;
mod values;
