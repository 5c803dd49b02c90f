//! How the reader of a failure draws the same again.

use std::fmt;

use crate::suite::{ROUNDS_VARIABLE, SEED_VARIABLE};

/// The commands that draw one round of a case again, one a line.
pub(super) struct Again {
    pub(super) case: &'static str,
    /// That of the round.
    pub(super) seed: u64,
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, seed } = self;
        writeln!(f, "to draw it again, one of:")?;
        writeln!(
            f,
            "    {SEED_VARIABLE}={seed} {ROUNDS_VARIABLE}=1 cargo test --test conformance {case}"
        )?;
        writeln!(
            f,
            "    duroxide conformance --backend URL --case {case} --seed {seed} --rounds 1"
        )
    }
}
