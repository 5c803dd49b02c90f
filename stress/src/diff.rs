//! Two reports side by side.

mod change;
mod spread;

use std::path::Path;
use std::process::ExitCode;

use self::change::{Change, Verdict, changes_of, table};
use crate::console::{mention, say};
use crate::report::{Report, Run, read};
use crate::run::USAGE;

/// Shows what has become of the figures of one report in another one, on standard output. The exit code is 1 if one of
/// them is worse than this part of what it was, and a rate or a time by more than the seconds of a run differ from one
/// another; if a run is wrong that was not, or is missing; if the reports have nothing in common; or if a file is no report.
#[must_use]
pub fn diff(before: &Path, after: &Path, part_min: f64) -> ExitCode {
    if !(0.0..=1.0).contains(&part_min) {
        mention("error: --part-min is between 0 and 1\n");
        return ExitCode::from(USAGE);
    }
    let reports = read(before).and_then(|before| Ok((before, read(after)?)));
    let (before, after) = match reports {
        Ok(reports) => reports,
        Err(failure) => {
            mention(&format!("{failure}\n"));
            return ExitCode::FAILURE;
        }
    };
    let pairs = pairs(&before, &after);
    let changes: Vec<Change> = pairs
        .iter()
        .flat_map(|(then, now)| changes_of(then, now, part_min))
        .collect();
    let broken = newly_wrong(&pairs);
    if changes.is_empty() && broken.is_empty() {
        mention("the reports have nothing in common that was measured in the same way\n");
        return ExitCode::FAILURE;
    }
    say(&table(&changes));
    let (gone, new) = (alone(&before, &after), alone(&after, &before));
    if new > 0 {
        mention(&format!("{new} runs are new, and are not compared\n"));
    }
    if gone > 0 {
        mention(&format!("{gone} runs are missing\n"));
    }
    for line in &broken {
        mention(line);
    }
    let count = |verdict| changes.iter().filter(|it| it.verdict == verdict).count();
    let (worse, unclear) = (count(Verdict::Worse), count(Verdict::WorseWithinSpread));
    if unclear > 0 {
        mention(&format!(
            "{unclear} figures are worse than {part_min} of what they were, but the seconds of these runs differ as much: \
             measure for longer\n"
        ));
    }
    if worse > 0 {
        mention(&format!(
            "{worse} figures are worse than {part_min} of what they were\n"
        ));
    }
    if worse > 0 || gone > 0 || !broken.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// The runs of both that were measured in the same way, as they were and as they are.
fn pairs<'a>(before: &'a Report, after: &'a Report) -> Vec<(&'a Run, &'a Run)> {
    let pair = |now: &'a Run| {
        let then = before.runs.iter().find(|then| is_same(then, now));
        then.map(|then| (then, now))
    };
    after.runs.iter().filter_map(pair).collect()
}

/// How many runs of the one are not in the other.
fn alone(one: &Report, other: &Report) -> usize {
    let is_alone = |run: &&Run| !other.runs.iter().any(|it| is_same(run, it));
    one.runs.iter().filter(is_alone).count()
}

fn is_same(one: &Run, other: &Run) -> bool {
    let what = |run: &Run| {
        let who = (run.backend.clone(), run.workload.clone());
        let load = (run.load(), run.payload_bytes, run.processes, run.chaos);
        (who, load)
    };
    what(one) == what(other)
}

/// A line for each run that is wrong and was not.
fn newly_wrong(pairs: &[(&Run, &Run)]) -> Vec<String> {
    let new = pairs.iter().filter(|(then, _)| then.wrong().is_empty());
    let line = |run: &Run, what: &str| {
        let (workload, backend) = (&run.workload, &run.backend);
        format!("FAILED {workload} on {backend}, which it did not before: {what}\n")
    };
    new.flat_map(|(_, now)| now.wrong().into_iter().map(|what| line(now, what)))
        .collect()
}
