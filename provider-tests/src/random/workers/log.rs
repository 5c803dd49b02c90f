//! What the workers asked and what they heard, in the order in which it happened.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::{
    ActivityOutcome, ClaimedActivity, Envelope, ErrorKind, HistoryChunk, InstanceHead, InstanceId,
    Lease, MailPage, ReadMail, Release, Renew, Renewal, Turn, TurnCommit, TurnCommitted,
};
use parking_lot::Mutex;

/// What a worker heard: nothing, if it stopped listening or the store could not say.
pub(super) type Answer<T> = Option<Result<T, ErrorKind>>;

/// A point of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    /// Its place among all calls and answers; no two are the same.
    pub(super) sequence: u64,
    /// The store's time, in milliseconds.
    pub(super) at_ms: u64,
}

/// One call of one worker.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) worker: Arc<str>,
    pub(super) invoked: Moment,
    /// When the answer was there; `None` if there was none.
    pub(super) returned: Option<Moment>,
    pub(super) call: Call,
}

/// A call with its answer.
#[derive(Debug, Clone)]
pub(super) enum Call {
    ClaimTurns {
        lease: Duration,
        answer: Answer<Vec<Turn>>,
    },
    ClaimActivities {
        lease: Duration,
        answer: Answer<Vec<ClaimedActivity>>,
    },
    Turn {
        commit: TurnCommit,
        answer: Answer<TurnCommitted>,
    },
    Outcome {
        outcome: ActivityOutcome,
        /// How many messages were dropped.
        answer: Answer<usize>,
    },
    Send {
        envelope: Envelope,
        answer: Answer<()>,
    },
    Renew {
        renew: Renew,
        extend_by: Duration,
        answer: Answer<Renewal>,
    },
    Release {
        release: Release,
        answer: Answer<()>,
    },
    ReadHead {
        instance: InstanceId,
        answer: Answer<Option<InstanceHead>>,
    },
    ReadHistory {
        instance: InstanceId,
        answer: Answer<Vec<HistoryChunk>>,
    },
    ReadMail {
        request: ReadMail,
        answer: Answer<MailPage>,
    },
    Delete {
        instance: InstanceId,
        answer: Answer<()>,
    },
    /// Every handle was dropped and the store opened again.
    Reopened,
    /// All workers have ended, and every lease and delay has passed.
    Quiet,
}

impl Entry {
    /// Whether the call ended before the other one began.
    pub(super) fn ended_before(&self, other: &Self) -> bool {
        self.returned
            .is_some_and(|returned| returned.sequence < other.invoked.sequence)
    }

    /// Whether the call may still have been at work when the other one began, or later.
    pub(super) fn may_follow(&self, other: &Self) -> bool {
        self.may_follow_sequence(other.invoked.sequence)
    }

    /// Whether the call may still have been at work at this place in the log, or later.
    pub(super) fn may_follow_sequence(&self, sequence: u64) -> bool {
        self.returned
            .is_none_or(|returned| returned.sequence > sequence)
    }

    /// The call and its answer in one line, with times since the run began.
    pub(super) fn describe(&self, begun_ms: u64) -> String {
        let Moment { sequence, at_ms } = self.invoked;
        let after_ms = at_ms - begun_ms;
        let ended = match self.returned {
            Some(returned) if returned.at_ms == at_ms => format!("(#{})", returned.sequence),
            Some(returned) => {
                let after_ms = returned.at_ms - begun_ms;
                format!("(#{} at {after_ms} ms)", returned.sequence)
            }
            None => "(no answer)".to_owned(),
        };
        let worker = &self.worker;
        format!(
            "#{sequence} at {after_ms} ms, {worker}: {} {ended}",
            self.call
        )
    }

    /// Whether the call has anything to do with this instance.
    pub(super) fn concerns(&self, instance: &InstanceId) -> bool {
        match &self.call {
            Call::ClaimTurns { answer, .. } => items(answer)
                .iter()
                .any(|turn| turn.head.instance == *instance),
            Call::ClaimActivities { answer, .. } => items(answer)
                .iter()
                .any(|activity| activity.lease.key.instance == *instance),
            Call::Turn { commit, .. } => {
                let mut messages = commit.messages.iter();
                commit.instance == *instance
                    || messages.any(|envelope| envelope.recipient.instance() == instance)
            }
            Call::Outcome { outcome, .. } => outcome.lease.key.instance == *instance,
            Call::Send { envelope, .. } => envelope.recipient.instance() == instance,
            Call::Renew { renew, .. } => instance_of(&renew.lease) == instance,
            Call::Release { release, .. } => instance_of(&release.lease) == instance,
            Call::ReadMail { request, .. } => request.instance == *instance,
            Call::ReadHead { instance: of, .. }
            | Call::ReadHistory { instance: of, .. }
            | Call::Delete { instance: of, .. } => of == instance,
            Call::Reopened | Call::Quiet => true,
        }
    }
}

/// The items that a claim returned; none if it did not say.
pub(super) fn items<T>(answer: &Answer<Vec<T>>) -> &[T] {
    match answer {
        Some(Ok(items)) => items,
        Some(Err(_)) | None => &[],
    }
}

/// Whether the store said no.
pub(super) fn is_refused<T>(answer: &Answer<T>) -> bool {
    matches!(answer, Some(Err(_)))
}

pub(super) fn instance_of(lease: &Lease) -> &InstanceId {
    match lease {
        Lease::Turn(lease) => &lease.instance,
        Lease::Activity(lease) => &lease.key.instance,
    }
}

/// The log, shared by the workers.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    sequence: u64,
    entries: Vec<Entry>,
}

impl Inner {
    fn moment(&mut self, at_ms: u64) -> Moment {
        self.sequence += 1;
        Moment {
            sequence: self.sequence,
            at_ms,
        }
    }
}

impl Log {
    /// Writes down a call, and returns its place.
    pub(super) fn invoked(&self, worker: &Arc<str>, at_ms: u64, call: Call) -> usize {
        let mut inner = self.inner.lock();
        let invoked = inner.moment(at_ms);
        inner.entries.push(Entry {
            worker: Arc::clone(worker),
            invoked,
            returned: None,
            call,
        });
        inner.entries.len() - 1
    }

    /// Writes down the answer to the call at this place.
    pub(super) fn returned(&self, place: usize, at_ms: u64, call: Call) {
        let mut inner = self.inner.lock();
        let moment = inner.moment(at_ms);
        if let Some(entry) = inner.entries.get_mut(place) {
            entry.returned = Some(moment);
            entry.call = call;
        }
    }

    /// Writes down something that happened to the whole store.
    pub(super) fn mark(&self, at_ms: u64, call: Call) {
        let place = self.invoked(&Arc::from("the case"), at_ms, call.clone());
        self.returned(place, at_ms, call);
    }

    /// Whether there is a claim of turns whose answer nobody heard. It may be carried out at any time, and
    /// then holds instances for the time of its lease (CXL-02).
    pub(super) fn has_unheard_claim(&self) -> bool {
        let is_unheard = |it: &Entry| matches!(it.call, Call::ClaimTurns { answer: None, .. });
        self.inner.lock().entries.iter().any(is_unheard)
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.inner.lock().entries.clone()
    }
}
