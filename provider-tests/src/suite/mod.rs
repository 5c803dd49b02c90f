//! Running cases: what is tested, how one case is run, and what can come of it.

mod harness;
mod options;
mod outcome;
mod subject;

pub(crate) use harness::{WORKER_THREADS, runtime, text_of};
pub use harness::{check_declaration, run_case, run_named};
pub(crate) use options::{ROUNDS_VARIABLE, SEED_VARIABLE};
pub use options::{RunOptions, Seed};
pub use outcome::{Failure, Outcome};
pub use subject::Subject;
pub(crate) use subject::offers;
