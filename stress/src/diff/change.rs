//! What has become of one figure.

use super::spread::Spread;
use crate::limit::knee;
use crate::report::grid::{Grid, NOTHING, figure};
use crate::report::{COSTS, Figures, Outcome, Run};

/// What has become of one figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    words: [String; 4],
    before: f64,
    after: f64,
    spread: Option<Spread>,
    pub(super) verdict: Verdict,
}

/// What is to be thought of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is no larger than what is between the seconds of a run.
    WithinSpread,
    /// So it is, although it is worse than what is allowed.
    WorseWithinSpread,
    Better,
    Same,
    /// Worse, and within what is allowed.
    ABitWorse,
    /// Worse than what is allowed.
    Worse,
}

impl Verdict {
    /// Of a figure that is so many times as good as it was.
    fn of(gain: f64, spread: Option<Spread>, part_min: f64) -> Self {
        let is_bad = gain < part_min;
        let is_same = (gain - 1.0).abs() < 0.005;
        match spread {
            _ if is_same && !is_bad => Self::Same,
            Some(spread) if spread.holds(gain) && is_bad => Self::WorseWithinSpread,
            Some(spread) if spread.holds(gain) => Self::WithinSpread,
            _ if is_bad => Self::Worse,
            _ if gain < 1.0 => Self::ABitWorse,
            _ => Self::Better,
        }
    }

    fn said(self) -> &'static str {
        match self {
            Self::WithinSpread => "within the spread",
            Self::WorseWithinSpread => "worse, within the spread",
            Self::Better => "better",
            Self::Same => "the same",
            Self::ABitWorse => "a bit worse",
            Self::Worse => "WORSE",
        }
    }
}

/// All figures of a run that was measured twice. A figure that one of them lacks is passed over.
pub(super) fn changes_of(then: &Run, now: &Run, part_min: f64) -> Vec<Change> {
    match (&then.outcome, &now.outcome) {
        (Outcome::Measured(before), Outcome::Measured(after)) => {
            let spread = Spread::of(then, before).zip(Spread::of(now, after));
            let spread = spread.map(|(before, after)| before.and(after));
            let change = |(name, is_more_better, before, after)| {
                // What is counted does not vary as rates do.
                let spread = spread.filter(|_| !is_counted(name));
                change(
                    now,
                    (name, is_more_better),
                    (before, after),
                    spread,
                    part_min,
                )
            };
            figures(before, after).into_iter().map(change).collect()
        }
        (Outcome::Limit(before), Outcome::Limit(after)) => {
            let knees = knee(before).zip(knee(after));
            let rates = knees.map(|(before, after)| (before.rate, after.rate));
            let name = ("followed a second", true);
            rates
                .map(|rates| change(now, name, rates, None, part_min))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a figure counts what was done, and times nothing.
fn is_counted(name: &str) -> bool {
    ["round trips", "statements", "flushes"].contains(&name)
}

/// Figures by name, whether more of it is better, and what they were and are.
fn figures(before: &Figures, after: &Figures) -> Vec<(&'static str, bool, f64, f64)> {
    let (then, now) = (&before.measured, &after.measured);
    let (early, late) = (&then.latency_ms, &now.latency_ms);
    let mut figures = vec![
        ("a second", true, then.per_second, now.per_second),
        ("p50 ms", false, early.p50, late.p50),
        ("p99 ms", false, early.p99, late.p99),
    ];
    for cost in &COSTS {
        let both = cost.of_operation(before).zip(cost.of_operation(after));
        figures.extend(both.map(|(before, after)| (cost.name, false, before, after)));
    }
    figures
}

fn change(
    run: &Run,
    (name, is_more_better): (&str, bool),
    (before, after): (f64, f64),
    spread: Option<Spread>,
    part_min: f64,
) -> Change {
    let (good, bad) = if is_more_better {
        (after, before)
    } else {
        (before, after)
    };
    let gain = if bad > 0.0 {
        good / bad
    } else if good > 0.0 {
        f64::INFINITY
    } else {
        1.0
    };
    Change {
        words: [&run.workload, &run.backend, &run.load(), name].map(|it: &str| it.to_owned()),
        before,
        after,
        spread,
        verdict: Verdict::of(gain, spread, part_min),
    }
}

/// The table of changes.
pub(super) fn table(changes: &[Change]) -> String {
    let header = [
        "workload", "backend", "load", "figure", "before", "after", "ratio", "spread", "",
    ];
    let mut grid = Grid::new(4, header);
    for change in changes {
        let (before, after) = (change.before, change.after);
        let ratio = (before > 0.0).then(|| after / before);
        let spread = change.spread;
        let mut row = change.words.to_vec();
        row.extend([
            figure(Some(before)),
            figure(Some(after)),
            ratio.map_or_else(|| NOTHING.to_owned(), |it| format!("{it:.2}")),
            spread.map_or_else(|| NOTHING.to_owned(), |it| it.to_string()),
            change.verdict.said().to_owned(),
        ]);
        grid.add(row);
    }
    grid.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_judged_by_the_threshold_and_by_the_spread() {
        let wide = Some(Spread::part(0.5));
        for (gain, spread, verdict) in [
            (1.0, None, Verdict::Same),
            (1.3, None, Verdict::Better),
            (0.9, None, Verdict::ABitWorse),
            (0.7, None, Verdict::Worse),
            (1.3, wide, Verdict::WithinSpread),
            (0.9, wide, Verdict::WithinSpread),
            (0.7, wide, Verdict::WorseWithinSpread),
            (0.6, wide, Verdict::Worse),
            (1.6, wide, Verdict::Better),
        ] {
            assert_eq!(Verdict::of(gain, spread, 0.8), verdict, "{gain} {spread:?}");
        }
    }
}
