//! What is told of a failing sequence.

use std::fmt;

use super::op::Op;
use crate::random::again::Again;

/// A failing sequence, cut down.
pub(super) struct Found {
    /// What it was drawn from.
    pub(super) seed: u64,
    /// What is left of it.
    pub(super) ops: Vec<Op>,
    /// What the provider did that the reference did not.
    pub(super) difference: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CASE: &str = "random::model::the_reference_does_the_same";
        let Self {
            seed,
            ops,
            difference,
        } = self;
        writeln!(
            f,
            "a sequence drawn from seed {seed} shows a difference {difference}\n"
        )?;
        writeln!(
            f,
            "{}",
            Again {
                case: CASE,
                seed: *seed
            }
        )?;
        writeln!(f, "as a test beside the provider's others:\n")?;
        writeln!(f, "#[test]")?;
        writeln!(f, "fn what_seed_{seed}_found() {{")?;
        writeln!(f, "    use duroxide_provider_tests::model::*;")?;
        writeln!(f, "    let ops = [")?;
        for op in ops {
            writeln!(f, "        {op:?},")?;
        }
        writeln!(f, "    ];")?;
        writeln!(f, "    replay(&subject(), &ops);")?;
        writeln!(f, "}}")
    }
}
