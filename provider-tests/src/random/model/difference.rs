//! What a provider did that the reference did not.

use std::fmt::{self, Debug, Write as _};

use super::op::Op;

/// More lines of a difference tell no more.
const LINES_MAX: usize = 40;

/// What a provider did that the reference did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference(String);

impl Difference {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same, with the operation after which it showed, counted from 1.
    pub(super) fn after(self, index: usize, op: &Op) -> Self {
        Self(format!("after operation {}, {op:?}: {self}", index + 1))
    }

    /// The lines in which two values differ.
    pub(super) fn between<T: Debug>(what: &str, actual: &T, expected: &T) -> Self {
        let (actual, expected) = (format!("{actual:#?}"), format!("{expected:#?}"));
        let (actual, expected): (Vec<_>, Vec<_>) =
            (actual.lines().collect(), expected.lines().collect());
        let same_at_start = common(actual.iter(), expected.iter());
        let rest = actual.len().min(expected.len()) - same_at_start;
        let same_at_end = common(actual.iter().rev(), expected.iter().rev()).min(rest);
        let mut text = format!("{what} differs");
        for (who, lines) in [("the reference", expected), ("the provider", actual)] {
            let end = lines.len() - same_at_end;
            write!(text, "\n  {who}:").ok();
            let differing = lines.iter().take(end).skip(same_at_start);
            for line in differing.take(LINES_MAX) {
                write!(text, "\n    {}", line.trim()).ok();
            }
        }
        Self(text)
    }
}

fn common<'a>(
    left: impl Iterator<Item = &'a &'a str>,
    right: impl Iterator<Item = &'a &'a str>,
) -> usize {
    left.zip(right).take_while(|(a, b)| a == b).count()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
