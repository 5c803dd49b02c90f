//! How much the seconds of a run differ from one another.

use std::fmt;

use crate::report::{Figures, Run};

/// How many whole seconds tell how much they differ.
const SECONDS_MIN: usize = 4;

/// How much the seconds of a run differ from one another: half of what is between the quartiles of their counts, as a
/// part of the median. Half of the seconds are that close to the median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread(f64);

impl Spread {
    /// Of the seconds that were measured as a whole; none if there are too few of them.
    pub(super) fn of(run: &Run, figures: &Figures) -> Option<Self> {
        let whole = seconds(run.warm_up_s.ceil(), run.warm_up_s + run.duration_s);
        let counts = figures.measured.by_second.iter().enumerate();
        let counts = counts.filter(|(second, _)| whole.contains(second));
        let mut sorted: Vec<f64> = counts.map(|(_, count)| *count as f64).collect();
        sorted.sort_by(f64::total_cmp);
        if sorted.len() < SECONDS_MIN {
            return None;
        }
        let at = |quarters: usize| sorted.get((sorted.len() - 1) * quarters / 4).copied();
        let (low, middle, high) = (at(1)?, at(2)?, at(3)?);
        (middle > 0.0).then(|| Self((high - low) / 2.0 / middle))
    }

    /// That of the ratio of two runs, which differ each on its own.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0.hypot(other.0))
    }

    /// Whether a figure may be so many times as good without anything having changed.
    pub(super) fn holds(self, gain: f64) -> bool {
        let most = 1.0 + self.0;
        (1.0 / most..=most).contains(&gain)
    }

    #[cfg(test)]
    pub(super) fn part(part: f64) -> Self {
        Self(part)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "±{:.0} %", self.0 * 100.0)
    }
}

/// The places of the whole seconds between two times.
fn seconds(from: f64, until: f64) -> std::ops::Range<usize> {
    let place = |at: f64| {
        (0..)
            .take_while(|second| f64::from(*second) < at.floor())
            .count()
    };
    place(from)..place(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_seconds_behind_the_warm_up_count() {
        assert_eq!(seconds(1.0, 6.0), 1..6);
        assert_eq!(seconds(0.05_f64.ceil(), 1.05), 1..1);
        assert_eq!(seconds(0.0, 4.9), 0..4);
    }

    #[test]
    fn a_spread_holds_as_much_below_as_above() {
        let spread = Spread(0.3).and(Spread(0.4));
        assert_eq!(spread.to_string(), "±50 %");
        assert!(spread.holds(1.5) && spread.holds(0.67));
        assert!(!spread.holds(1.51) && !spread.holds(0.66));
    }
}
