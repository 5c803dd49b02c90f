//! Rounds: from time to time somebody looks what lies in a partition that nobody has brought, since the process
//! that sent it has ended or could not reach the target, and what both sides may forget.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::way::{self, Way};
use super::wire::{AskAnswer, Asked, Batch, Seen, Taken};
use crate::codes::millis;
use crate::error::Failure;
use crate::partition::Partition;
use crate::setup::Setup;

/// How often a partition has a round that keeps anything; one that is found empty has one a window.
pub(crate) const ROUND_INTERVAL: Duration = Duration::from_secs(10);
/// When what could not be brought is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Who comes so much too early finds that it is time.
const EARLY_MAX: Duration = Duration::from_secs(1);

/// When a partition has its next round here.
#[derive(Debug, Default, Clone, Copy)]
struct Round {
    /// By the clock of the provider.
    due_at: Duration,
    /// Whether it is made although somebody has just made one: that may have come to no end.
    is_forced: bool,
    /// Whether it must not wait until somebody calls `maintain`.
    is_urgent: bool,
}

/// When each partition has its next round here.
#[derive(Debug)]
pub(crate) struct Rounds(Mutex<Vec<Round>>);

impl Rounds {
    /// All are due at once: nobody knows what the processes before have left.
    pub(crate) fn new(partitions: usize) -> Self {
        Self(Mutex::new(vec![Round::default(); partitions]))
    }

    fn change(&self, part: usize, change: impl FnOnce(&mut Round)) {
        self.0.lock().get_mut(part).map(change);
    }

    /// The partitions whose rounds are due, and whether those are made in any case. Each is put off until it
    /// comes to its end.
    fn begin(&self, now: Duration) -> Vec<(usize, bool)> {
        let mut rounds = self.0.lock();
        let each = rounds.iter_mut().enumerate();
        let due = each.filter(|(_, round)| round.due_at <= now);
        due.map(|(part, round)| {
            round.is_urgent = false;
            // One that does not come to its end is not made again and again.
            round.due_at = now.saturating_add(ROUND_INTERVAL);
            (part, mem::replace(&mut round.is_forced, true))
        })
        .collect()
    }

    fn end(&self, part: usize, due_at: Duration) {
        self.change(part, |round| {
            // What has come up meanwhile stays.
            let due_at = if round.is_urgent {
                round.due_at
            } else {
                due_at
            };
            *round = Round {
                due_at,
                is_forced: round.is_urgent,
                is_urgent: round.is_urgent,
            };
        });
    }

    /// A partition keeps something from now on.
    pub(crate) fn keeps(&self, part: usize, now: Duration) {
        let due_at = now.saturating_add(ROUND_INTERVAL);
        self.change(part, |round| round.due_at = round.due_at.min(due_at));
    }

    /// Something could not be brought.
    pub(crate) fn soon(&self, part: usize, now: Duration) {
        let due_at = now.saturating_add(RETRY_AFTER);
        self.change(part, |round| {
            round.due_at = round.due_at.min(due_at);
            round.is_forced = true;
        });
    }

    /// A process has vanished, which may have left something.
    pub(crate) fn hurry(&self, part: usize) {
        self.change(part, |round| {
            *round = Round {
                due_at: Duration::ZERO,
                is_forced: true,
                is_urgent: true,
            };
        });
    }

    /// Whether a partition has to have a round now.
    pub(crate) fn is_due(&self, part: usize, now: Duration) -> bool {
        let rounds = self.0.lock();
        let round = rounds.get(part);
        round.is_some_and(|round| round.is_urgent || round.due_at <= now)
    }

    /// In which time the next one is due.
    pub(crate) fn until_next(&self, now: Duration) -> Duration {
        let rounds = self.0.lock();
        let each = rounds.iter().map(|round| round.due_at.saturating_sub(now));
        each.min().unwrap_or(Duration::MAX)
    }
}

/// What is known in a round.
struct Found {
    /// Where targets stand, by source and target.
    seen: HashMap<(usize, usize), Seen>,
    /// The partitions that have a round, and for whom they may have something.
    sources: Vec<(Arc<Partition>, Vec<usize>)>,
    /// When each is due again.
    due: Vec<(usize, Duration)>,
    failure: Option<Failure>,
}

/// Makes the rounds that are due. A partition that cannot be reached keeps none of the others from its round.
pub(crate) async fn run(setup: Arc<Setup>) -> Result<(), Failure> {
    let setup = &setup;
    let now = setup.access.options.clock.elapsed();
    let due = setup.rounds.begin(now);
    if due.is_empty() || setup.partitions.count() == 1 {
        return Ok(());
    }
    let mut found = Found {
        seen: HashMap::new(),
        sources: Vec::new(),
        due: Vec::new(),
        failure: None,
    };
    found.survey(setup, now, &due).await;
    found.ask_others(setup).await;
    let sources = found.sources.iter();
    let each = sources.map(|(source, targets)| found.bring(setup, source, targets));
    let failures = join_all(each).await.into_iter().filter_map(Result::err);
    let failure = failures.chain(found.failure).next();
    for (part, due_at) in found.due {
        setup.rounds.end(part, due_at);
    }
    failure.map_or(Ok(()), Err)
}

impl Found {
    /// Asks each partition that is due what it has for others, and where it stands with each of them.
    async fn survey(&mut self, setup: &Arc<Setup>, now: Duration, due: &[(usize, bool)]) {
        let all: Vec<usize> = setup.partitions.iter().map(|it| it.index).collect();
        let asked = due.iter().filter_map(|(part, is_forced)| {
            let target = setup.partitions.get(*part)?;
            let every = ROUND_INTERVAL.saturating_sub(EARLY_MAX);
            let every = if *is_forced { 0 } else { millis(every) };
            Some((target, ask(setup, target, &all, Some(every))))
        });
        let (asked, answers): (Vec<_>, Vec<_>) = asked.unzip();
        for (source, answer) in asked.into_iter().zip(join_all(answers).await) {
            match answer {
                Ok(answer) => {
                    let is_kept = answer.survey.kept > 0;
                    let window = setup.access.options.relay_window;
                    let interval = if is_kept { ROUND_INTERVAL } else { window };
                    self.due.push((source.index, now.saturating_add(interval)));
                    if !answer.survey.is_done {
                        let targets = answer.survey.targets.clone();
                        self.sources.push((Arc::clone(source), targets));
                    }
                    self.note(source.index, answer);
                }
                Err(failure) => {
                    self.due
                        .push((source.index, now.saturating_add(ROUND_INTERVAL)));
                    self.failure = Some(failure);
                }
            }
        }
    }

    fn note(&mut self, target: usize, answer: AskAnswer) {
        let seen = answer.seen.into_iter();
        self.seen
            .extend(seen.map(|seen| ((seen.source, target), seen)));
    }

    /// Asks the targets that have no round themselves.
    async fn ask_others(&mut self, setup: &Arc<Setup>) {
        let mut unknown: HashMap<usize, Vec<usize>> = HashMap::new();
        for (source, targets) in &self.sources {
            for target in targets {
                if !self.seen.contains_key(&(source.index, *target)) {
                    unknown.entry(*target).or_default().push(source.index);
                }
            }
        }
        let asked = unknown.iter().filter_map(|(target, sources)| {
            let target = setup.partitions.get(*target)?;
            Some((target.index, ask(setup, target, sources, None)))
        });
        let (asked, answers): (Vec<_>, Vec<_>) = asked.unzip();
        for (target, answer) in asked.into_iter().zip(join_all(answers).await) {
            match answer {
                Ok(answer) => self.note(target, answer),
                Err(failure) => self.failure = Some(failure),
            }
        }
    }

    /// Takes what a source has for all of its targets, and brings it.
    async fn bring(
        &self,
        setup: &Arc<Setup>,
        source: &Arc<Partition>,
        targets: &[usize],
    ) -> Result<(), Failure> {
        let known = targets.iter();
        let known = known.filter_map(|it| Some((*it, self.seen.get(&(source.index, *it))?)));
        let known: Vec<(usize, &Seen)> = known.collect();
        if known.is_empty() {
            return Ok(());
        }
        let taken = known.iter().map(|(it, seen)| Taken::of(*it, seen));
        let answer = way::take(setup, source, taken.collect()).await?;
        let batches = answer.batches.into_iter();
        let each = batches.filter_map(|batch| {
            let seen = self.seen.get(&(source.index, batch.target))?;
            let way = Way {
                setup: Arc::clone(setup),
                source: Arc::clone(source),
                target: Arc::clone(setup.partitions.get(batch.target)?),
            };
            Some(bring_from(way, seen.clone(), batch))
        });
        let failures = join_all(each).await.into_iter().filter_map(Result::err);
        failures.last().map_or(Ok(()), Err)
    }
}

async fn bring_from(way: Way, seen: Seen, batch: Batch) -> Result<(), Failure> {
    way.bring_from(seen, batch).await?;
    way.setup.ways.recover(&way);
    Ok(())
}

/// Asks a target where it stands with these sources.
async fn ask(
    setup: &Setup,
    target: &Partition,
    sources: &[usize],
    survey: Option<u64>,
) -> Result<AskAnswer, Failure> {
    let sources = sources.iter().copied();
    let sources = sources.filter(|source| *source != target.index);
    let asked = sources.map(|source| Asked { source, links: 0 });
    way::ask(setup, target, asked.collect(), survey).await
}
