//! Commits: whatever callers bring while a call is under way goes out together with the next one.

use duroxide_core::providers::room::Taken;
use duroxide_core::providers::{Commit, Committed, ProviderError, check};
use tokio::sync::oneshot;

use crate::call::call;
use crate::error::{self, Failure};
use crate::lane::Job;
use crate::provider::PostgresProvider;
use crate::queue::{BatchMax, Queue, Weighted};
use crate::session::Session;
use crate::setup::Setup;
use crate::wave;

pub(crate) type Answer = Result<Committed, ProviderError>;

/// How often a call is made whose transaction was in the way of another one.
const ATTEMPTS_MAX: u32 = 3;

/// The operations of one caller.
pub(crate) struct CommitJob {
    operations: Vec<Commit>,
    bytes: usize,
    reply: oneshot::Sender<Vec<Answer>>,
    /// What it takes of the queue, until it is answered.
    _room: Taken,
}

impl Weighted for CommitJob {
    fn parts(&self) -> usize {
        self.operations.len()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Job for CommitJob {
    const BATCH_MAX: BatchMax = BatchMax {
        parts: 512,
        bytes: 4 * 1024 * 1024,
    };

    fn queue(setup: &Setup) -> &Queue<Self> {
        &setup.commits
    }

    async fn serve(jobs: Vec<Self>, session: &mut Session) {
        let operations: Vec<&Commit> = jobs.iter().flat_map(|job| &job.operations).collect();
        let mut answers: Vec<Option<Answer>> = operations.iter().map(|_| None).collect();
        for wave in wave::split(&operations) {
            let members: Vec<&Commit> = pick(&operations, &wave);
            let of_wave = commit_wave(session, &members).await;
            for (place, answer) in wave.into_iter().zip(of_wave) {
                if let Some(slot) = answers.get_mut(place) {
                    *slot = Some(answer);
                }
            }
        }
        let mut answers = answers.into_iter().flatten();
        for job in jobs {
            let of_job = answers.by_ref().take(job.operations.len()).collect();
            // A caller who has gone away wants no answer.
            job.reply.send(of_job).ok();
        }
    }
}

fn pick<'a>(operations: &[&'a Commit], places: &[usize]) -> Vec<&'a Commit> {
    let chosen = places.iter().filter_map(|place| operations.get(*place));
    chosen.copied().collect()
}

/// Commits operations that do not disturb one another in one transaction; if that fails, each in one of
/// its own, so that the culprit alone fails.
async fn commit_wave(session: &mut Session, operations: &[&Commit]) -> Vec<Answer> {
    match call_patiently(session, operations).await {
        Ok(answers) => answers,
        Err(failure) if operations.len() > 1 && failure.stage == error::Stage::Answered => {
            let mut answers = Vec::with_capacity(operations.len());
            for operation in operations {
                let single = call_patiently(session, &[operation]).await;
                answers.extend(single.unwrap_or_else(|failure| vec![Err(failed(&failure))]));
            }
            answers
        }
        Err(failure) => operations.iter().map(|_| Err(failed(&failure))).collect(),
    }
}

fn failed(failure: &Failure) -> ProviderError {
    failure.error("commit", true)
}

/// Calls once more where two transactions were in each other's way.
async fn call_patiently(
    session: &mut Session,
    operations: &[&Commit],
) -> Result<Vec<Answer>, Failure> {
    let mut attempt = 1;
    loop {
        match call(session, operations).await {
            Err(failure) if failure.is_conflict() && attempt < ATTEMPTS_MAX => attempt += 1,
            answer => return answer,
        }
    }
}

impl PostgresProvider {
    pub(crate) async fn commit_batch(&self, operations: Vec<Commit>) -> Vec<Answer> {
        let refusals = check::batch(&self.setup.options.limits, &operations);
        let each = operations.into_iter().zip(refusals);
        let mut answers: Vec<Option<Answer>> = Vec::new();
        let mut accepted = Vec::new();
        for (operation, refusal) in each {
            if refusal.is_none() {
                accepted.push(operation);
            }
            answers.push(refusal.map(Err));
        }
        let mut committed = self.commit_accepted(accepted).await.into_iter();
        answers
            .into_iter()
            .map(|answer| {
                let or_committed = || committed.next();
                answer
                    .or_else(or_committed)
                    .unwrap_or_else(|| Err(error::abandoned("commit", true)))
            })
            .collect()
    }

    async fn commit_accepted(&self, operations: Vec<Commit>) -> Vec<Answer> {
        if operations.is_empty() {
            return Vec::new();
        }
        let count = operations.len();
        let bytes = operations.iter().map(check::commit_bytes);
        let bytes = bytes.fold(0, usize::saturating_add);
        let (reply, answers) = oneshot::channel();
        let job = CommitJob {
            operations,
            bytes,
            reply,
            _room: self.rooms.for_writes(count, bytes).await,
        };
        if self.setup.commits.push(job).is_err() {
            return (0..count).map(|_| Err(error::closed("commit"))).collect();
        }
        let abandoned = |_| {
            (0..count)
                .map(|_| Err(error::abandoned("commit", true)))
                .collect()
        };
        answers.await.unwrap_or_else(abandoned)
    }
}
