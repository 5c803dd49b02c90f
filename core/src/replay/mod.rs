//! The replay engine: decides what an orchestration does next from what happened so far.
//!
//! It is pure. It has no clock, no randomness, no I/O and no executor: each step is given an
//! input, a time and a seed, and yields entries for history. So live execution and replay are one
//! code path, and a test can be a table.

mod accept;
mod copying;
mod cut;
mod engine;
mod external;
mod failure;
mod input;
mod journal;
mod matching;
mod refusal;
mod state;
mod step_waker;
#[cfg(test)]
mod tests;
mod token;
mod tokens;
mod values;

pub(crate) use cut::Cut;
pub(crate) use engine::{End, Engine, Harvest, Root, ValuesKept, cancelled};
pub(crate) use failure::{Failure, panic_text};
pub(crate) use input::{Input, Moment};
pub(crate) use journal::{Identity, Journal, TraceLevel, TraceLine, child_instance};
pub(crate) use step_waker::Alarm;
pub use token::DurableOutput;
pub(crate) use token::{Answer, Decided, Decision, TokenKind};
