//! Who works on a store: starts instances, sends messages, takes turns, ends activities.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Commit, Committed, ErrorKind, InstanceId, Lease, Provider,
    ProviderError, ReadHistory, Release, ReleasedAttempts, TaskQueue,
};
use duroxide_sqlite::SqliteProvider;
use fastrand::Rng;
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::Failure;
use crate::disk::Disk;
use crate::ledger::{Answer, Counted, Ledger, Ticket};

pub(crate) const INSTANCE_COUNT: u64 = 8;
const LEASE: Duration = Duration::from_secs(30);
/// No operation waits for anything but a disk in memory and a busy timeout of half a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How often a commit that may have happened is repeated.
const REPEATS_MAX: usize = 2;

/// An operation and the entry of the ledger that waits for its answer.
pub(crate) type Asked = (Commit, Ticket);

/// Which errors are no finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// None: the disk is sound.
    Nothing,
    /// Those that say that the disk failed.
    Faults,
    /// These, and that the store is damaged, which is how a file that is too short looks.
    Damage,
}

/// A client and a node in one.
#[derive(Debug)]
pub(crate) struct Actor<'a> {
    pub(crate) provider: &'a SqliteProvider,
    pub(crate) clock: &'a ManualClock,
    pub(crate) disk: &'a Arc<Disk>,
    pub(crate) ledger: &'a Mutex<Ledger>,
    pub(crate) tolerance: Tolerance,
    /// Whether nothing more is asked of a provider whose disk has failed.
    pub(crate) stops_at_fault: bool,
    pub(crate) rng: Rng,
}

impl Actor<'_> {
    /// Starts all instances, some of them in one call and the others at the same time.
    pub(crate) async fn start_all(&mut self) -> Result<(), Failure> {
        let starts: Vec<Asked> = (0..INSTANCE_COUNT).map(|n| self.start(n)).collect();
        self.submit(starts).await
    }

    /// Does so many things, chosen at random.
    pub(crate) async fn work(&mut self, steps: usize) -> Result<(), Failure> {
        for _ in 0..steps {
            if self.has_stopped() {
                return Ok(());
            }
            match self.rng.u8(0..18) {
                0..=5 => self.take_turns().await?,
                6..=9 => self.end_activities().await?,
                10..=12 => self.send_some().await?,
                13 => {
                    self.bounded("checkpoint", self.provider.checkpoint())
                        .await?;
                }
                14 => {
                    let budget = Duration::from_secs(1);
                    self.bounded("maintain", self.provider.maintain(budget))
                        .await?;
                }
                15 | 16 => self.read().await?,
                // Whatever was claimed and forgotten comes back.
                _ => self.clock.advance(LEASE),
            }
        }
        Ok(())
    }

    fn has_stopped(&self) -> bool {
        self.stops_at_fault && self.disk.has_failed()
    }

    /// Starts an instance that only this starts, and answers what was in the way.
    pub(crate) async fn probe(&mut self) -> Result<Option<ErrorKind>, Failure> {
        let (commit, ticket) = self.start(INSTANCE_COUNT);
        self.ask(commit, &ticket).await
    }

    /// Reads a history: what is answered must be what was written.
    async fn read(&mut self) -> Result<(), Failure> {
        let instance = instance(self.rng.u64(0..INSTANCE_COUNT));
        let request = ReadHistory {
            instance: instance.clone(),
            execution: 1,
            from_event_id: 1,
            bytes_max: usize::MAX,
        };
        let read = self.provider.read_history(&request);
        let Some(page) = self.bounded("read_history", read).await? else {
            return Ok(());
        };
        let ledger = self.ledger.lock();
        for chunk in page.chunks {
            let key = (instance.clone(), chunk.first_event_id);
            let mut tries = ledger.turns.get(&key).into_iter().flatten();
            // SQLite takes a file that is too short for one of zeros. The runtime's bytes have a
            // checksum for that.
            let is_damaged = self.tolerance == Tolerance::Damage && self.disk.has_failed();
            if !is_damaged && !tries.any(|one| one.body == chunk.body) {
                return Err(format!("{}/{} was read wrongly", key.0, key.1).into());
            }
        }
        Ok(())
    }

    async fn send_some(&mut self) -> Result<(), Failure> {
        let count = self.rng.usize(1..=4);
        let messages = (0..count).map(|_| {
            let recipient = self.rng.u64(0..INSTANCE_COUNT);
            self.message(recipient)
        });
        let messages = messages.collect();
        self.submit(messages).await
    }

    async fn take_turns(&mut self) -> Result<(), Failure> {
        let request = ClaimTurns { messages_max: 3, bytes_max: usize::MAX, ..ClaimTurns::new(vec![TaskQueue::default()], self.rng.usize(1..=4), LEASE) };
        let Some(claimed) = self
            .bounded("claim", self.provider.claim_turns(&request))
            .await?
        else {
            return Ok(());
        };
        let mut commits = Vec::new();
        for turn in claimed.items {
            let key = (
                turn.lease.instance.clone(),
                turn.head.position.next_event_id,
            );
            self.count(Counted::Turn(key.clone()), turn.attempt);
            match self.rng.u8(0..8) {
                0 => {}
                1 => {
                    let lease = Lease::Turn(turn.lease.clone());
                    self.release(lease, Counted::Turn(key), turn.attempt)
                        .await?;
                }
                _ => commits.push(self.turn(&turn, key)),
            }
        }
        self.submit(commits).await
    }

    async fn end_activities(&mut self) -> Result<(), Failure> {
        let request = ClaimActivities::new(vec![TaskQueue::default()], self.rng.usize(1..=4), LEASE);
        let claim = self.provider.claim_activities(&request);
        let Some(claimed) = self.bounded("claim", claim).await? else {
            return Ok(());
        };
        let mut outcomes = Vec::new();
        for activity in claimed.items {
            let key = (
                activity.lease.key.instance.clone(),
                activity.lease.key.activity_id,
            );
            self.count(Counted::Activity(key.clone()), activity.attempt);
            match self.rng.u8(0..8) {
                0 | 1 => {}
                2 => {
                    let lease = Lease::Activity(activity.lease);
                    self.release(lease, Counted::Activity(key), activity.attempt)
                        .await?;
                }
                _ => outcomes.push(self.outcome(&activity, key)),
            }
        }
        self.submit(outcomes).await
    }

    /// Gives a claim back, and takes its attempt back, or all of them, where that is chosen.
    async fn release(
        &mut self,
        lease: Lease,
        counted: Counted,
        counts: u32,
    ) -> Result<(), Failure> {
        let attempts = match self.rng.u8(0..3) {
            0 => ReleasedAttempts::Keep,
            1 => ReleasedAttempts::TakeBack,
            _ => ReleasedAttempts::Reset,
        };
        let release = Release::new(lease, Duration::ZERO, attempts);
        let taken_back = attempts.taken_back();
        let answers = within("release", self.provider.release(vec![release])).await?;
        for answer in answers {
            let is_released = self.tolerate("release", answer)?.is_ok();
            if is_released && taken_back > 0 {
                self.count(counted.clone(), counts.saturating_sub(taken_back));
            }
        }
        Ok(())
    }

    fn count(&self, counted: Counted, attempts: u32) {
        let at = self.disk.log_position();
        self.ledger.lock().count(counted, at, attempts);
    }

    /// Asks for all in one call, or for each at the same time.
    async fn submit(&mut self, asked: Vec<Asked>) -> Result<(), Failure> {
        if self.rng.bool() {
            let this = &*self;
            let all = asked
                .into_iter()
                .map(|(commit, ticket)| async move { this.ask(commit, &ticket).await });
            for answered in join_all(all).await {
                answered?;
            }
            return Ok(());
        }
        let asked_at = self.disk.log_position();
        let commits = asked.iter().map(|(commit, _)| commit.clone()).collect();
        let answers = within("commit", self.provider.commit(commits)).await?;
        for ((commit, ticket), answer) in asked.into_iter().zip(answers) {
            self.settle(&commit, &ticket, asked_at, answer).await?;
        }
        Ok(())
    }

    /// Asks for one commit. Answers the kind of its error.
    async fn ask(&self, commit: Commit, ticket: &Ticket) -> Result<Option<ErrorKind>, Failure> {
        let asked_at = self.disk.log_position();
        let answer = self.once(&commit).await?;
        self.settle(&commit, ticket, asked_at, answer).await
    }

    async fn once(&self, commit: &Commit) -> Result<Result<Committed, ProviderError>, Failure> {
        let answers = within("commit", self.provider.commit(vec![commit.clone()])).await?;
        let answer = answers.into_iter().next();
        answer.ok_or_else(|| "a commit was not answered".into())
    }

    /// Notes an answer, after repeating what may have happened.
    async fn settle(
        &self,
        commit: &Commit,
        ticket: &Ticket,
        asked_at: usize,
        mut answer: Result<Committed, ProviderError>,
    ) -> Result<Option<ErrorKind>, Failure> {
        let mut is_doubtful = false;
        for _ in 0..REPEATS_MAX {
            let kind = answer.as_ref().err().map(ProviderError::kind);
            if kind != Some(ErrorKind::CommitUnknown) || self.has_stopped() {
                break;
            }
            is_doubtful = true;
            answer = self.once(commit).await?;
        }
        let at = self.disk.log_position();
        let kind = self.tolerate("commit", answer)?.err();
        let noted = match kind {
            None => Answer::Done { at },
            Some(ErrorKind::CommitUnknown) => Answer::Unknown,
            Some(_) if is_doubtful => Answer::Unknown,
            Some(_) => Answer::Refused,
        };
        self.ledger.lock().note(ticket, asked_at, noted);
        Ok(kind)
    }

    /// Waits for an answer; none where the provider gave an error that a fault may cause.
    async fn bounded<T>(
        &self,
        operation: &str,
        answer: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<Option<T>, Failure> {
        let answer = within(operation, answer).await?;
        Ok(self.tolerate(operation, answer)?.ok())
    }

    /// Takes an error that may be expected for an answer.
    fn tolerate<T>(
        &self,
        operation: &str,
        answer: Result<T, ProviderError>,
    ) -> Result<Result<T, ErrorKind>, Failure> {
        let error = match answer {
            Ok(answer) => return Ok(Ok(answer)),
            Err(error) => error,
        };
        let kind = error.kind();
        let names_fault = matches!(kind, ErrorKind::Unavailable | ErrorKind::CommitUnknown);
        // After an operation that failed, its instance is missing or its lease lost.
        let follows = matches!(kind, ErrorKind::NotFound | ErrorKind::LeaseLost);
        let is_expected = match self.tolerance {
            Tolerance::Nothing => false,
            Tolerance::Faults => names_fault || follows,
            Tolerance::Damage => names_fault || follows || kind == ErrorKind::Corrupt,
        };
        if is_expected {
            Ok(Err(kind))
        } else {
            Err(format!("{operation} answered {kind:?}: {error}").into())
        }
    }
}

pub(crate) fn instance(number: u64) -> InstanceId {
    let id = InstanceId::new(format!("instance {number}"));
    id.unwrap_or_else(|invalid| unreachable!("{invalid}"))
}

/// The instances that there may be.
pub(crate) fn instances() -> impl Iterator<Item = InstanceId> {
    (0..=INSTANCE_COUNT).map(instance)
}

/// Waits for an answer, but not for ever.
pub(crate) async fn within<T>(
    operation: &str,
    answer: impl Future<Output = T>,
) -> Result<T, Failure> {
    timeout(ANSWER_WITHIN, answer)
        .await
        .map_err(|_| format!("{operation} was not answered within {ANSWER_WITHIN:?}").into())
}
