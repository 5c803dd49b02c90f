//! Putting a store under load.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::Client;
use duroxide_core::clock::{Clock as _, SystemClock};
use fastrand::Rng;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::recorder::{Measured, Recorder};
use crate::workload::{Tally, Workload};

/// How many failures are kept for the report.
const FAILURES_MAX: usize = 20;
/// How many instances are looked at when all is done.
const SEEN_MAX: usize = 200;
/// How many operations of an open loop may be under way: a backend that is so far behind does not follow.
pub(crate) const BEHIND_MAX: usize = 20_000;

/// How operations are begun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// So many are under way: each client begins its next one when its last one has ended.
    Closed { in_flight: usize },
    /// So many are begun in a second, whether those before have ended or not, and each is timed from the moment
    /// at which it should have begun.
    Open { per_second: f64 },
}

/// For how long a load is put on a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// What ends so soon is not measured.
    pub(crate) warm_up: Duration,
    pub(crate) lasts: Duration,
    /// How long one operation may take before it counts as stuck.
    pub(crate) patience: Duration,
    /// Whether an operation may outlast that: then all that were begun are measured, to the end of the last one.
    pub(crate) is_long: bool,
}

/// A load that is put on a store.
pub(crate) struct Load {
    client: Client,
    workload: Arc<dyn Workload>,
    recorder: Recorder,
    times: Times,
    began: Duration,
    interrupt: Interrupt,
    done: Mutex<Done>,
}

#[derive(Debug)]
struct Done {
    tally: Tally,
    count: usize,
    draw: Rng,
    /// Of instances that have completed, some to look at.
    seen: Vec<String>,
    failed: u64,
    failures: Vec<String>,
}

impl Done {
    fn nothing() -> Self {
        Self {
            tally: Tally::default(),
            count: 0,
            draw: Rng::with_seed(0),
            seen: Vec::new(),
            failed: 0,
            failures: Vec::new(),
        }
    }

    /// Keeps an instance to look at, so that each has the same chance in the end (Vitter, 1985, algorithm R).
    fn see(&mut self, id: &str) {
        self.count += 1;
        if self.seen.len() < SEEN_MAX {
            self.seen.push(id.to_owned());
        } else if let Some(seen) = self.seen.get_mut(self.draw.usize(..self.count)) {
            id.clone_into(seen);
        }
    }
}

/// What came of a load.
pub(crate) struct Loaded {
    pub(crate) measured: Measured,
    /// How many operations were begun, and how many of them have failed.
    pub(crate) begun: u64,
    pub(crate) failed: u64,
    /// What is said of the first ones that failed.
    pub(crate) failures: Vec<String>,
    /// What those that succeeded took.
    pub(crate) tally: Tally,
    /// Some instances that have completed.
    pub(crate) seen: Vec<String>,
    /// How long everything took, the drain too.
    pub(crate) lasted: Duration,
    /// How long the last ones took to end after no more were begun.
    pub(crate) drain: Duration,
    /// After each kill, how long it took until everything that was under way then had ended.
    pub(crate) recoveries: Vec<Duration>,
}

/// How far a load is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoFar {
    /// How many operations have ended, those that failed too.
    pub(crate) operations: u64,
    pub(crate) elapsed: Duration,
    /// After what time no more are begun.
    pub(crate) end: Duration,
}

impl Load {
    pub(crate) fn new(
        client: Client,
        workload: Arc<dyn Workload>,
        times: Times,
        interrupt: &Interrupt,
    ) -> Result<Arc<Self>, Failure> {
        let end = times.warm_up + times.lasts;
        let recorder = if times.is_long {
            Recorder::new(Duration::ZERO, None)
        } else {
            Recorder::new(times.warm_up, Some(end))
        };
        Ok(Arc::new(Self {
            client,
            workload,
            recorder: recorder?,
            times,
            began: SystemClock.elapsed(),
            interrupt: interrupt.clone(),
            done: Mutex::new(Done::nothing()),
        }))
    }

    /// Puts a load of this shape on the store, until it has lasted long enough and everything has ended.
    pub(crate) async fn run(self: Arc<Self>, shape: Shape) -> Result<Loaded, Failure> {
        let begun = match shape {
            Shape::Closed { in_flight } => self.closed(in_flight).await,
            Shape::Open { per_second } => self.open(per_second).await?,
        };
        let ended = self.elapsed();
        let wanted = self.interrupt.wanted_at();
        let stopped = wanted.map(|at| at.saturating_sub(self.began).min(self.end()));
        let until = if self.times.is_long {
            ended
        } else {
            stopped.unwrap_or(self.end())
        };
        let done = std::mem::replace(&mut *self.done.lock(), Done::nothing());
        Ok(Loaded {
            measured: self.recorder.measured(until),
            begun,
            failed: done.failed,
            failures: done.failures,
            tally: done.tally,
            seen: done.seen,
            lasted: ended,
            drain: ended.saturating_sub(until),
            recoveries: self.recorder.recoveries(),
        })
    }

    /// Whether no more operations are begun.
    pub(crate) fn is_over(&self) -> bool {
        self.elapsed() >= self.end() || self.interrupt.is_wanted()
    }

    /// How far it is.
    pub(crate) fn so_far(&self) -> SoFar {
        let done = self.done.lock();
        SoFar {
            operations: done.count as u64 + done.failed,
            elapsed: self.elapsed(),
            end: self.end(),
        }
    }

    /// Notes that a process is killed now.
    pub(crate) fn note_kill(&self) {
        self.recorder.note_kill(self.elapsed());
    }

    fn end(&self) -> Duration {
        self.times.warm_up + self.times.lasts
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed().saturating_sub(self.began)
    }

    async fn closed(self: &Arc<Self>, in_flight: usize) -> u64 {
        let mut clients = JoinSet::new();
        for client in 0..in_flight {
            let load = Arc::clone(self);
            clients.spawn(async move {
                let mut count = 0_u64;
                while !load.is_over() {
                    let from = load.elapsed();
                    load.one(&format!("s{client}-{count}"), from).await;
                    count += 1;
                }
                count
            });
        }
        clients.join_all().await.into_iter().sum()
    }

    async fn open(self: &Arc<Self>, per_second: f64) -> Result<u64, Failure> {
        let mut under_way = JoinSet::new();
        let mut begun = 0_u64;
        loop {
            let at = Duration::from_secs_f64(begun as f64 / per_second);
            if at >= self.end() || self.interrupt.is_wanted() {
                break;
            }
            let wait = at.saturating_sub(self.elapsed());
            if wait.is_zero() {
                // One that is late may not keep those before it from being begun.
                tokio::task::yield_now().await;
            } else {
                SystemClock.sleep(wait).await;
            }
            while under_way.try_join_next().is_some() {}
            if under_way.len() >= BEHIND_MAX {
                return Err(Failure::Behind);
            }
            let (load, id) = (Arc::clone(self), format!("s{begun}"));
            under_way.spawn(async move { load.one(&id, at).await });
            begun += 1;
        }
        under_way.join_all().await;
        Ok(begun)
    }

    /// Does one operation, which is timed from this moment on.
    async fn one(&self, id: &str, from: Duration) {
        let done = timeout(self.times.patience, self.workload.operate(&self.client, id));
        let done = done.await.unwrap_or_else(|_| {
            let patience_s = self.times.patience.as_secs();
            let what = format!("it has not ended within {patience_s} s, and counts as stuck");
            Err(Failure::wrong(id, what))
        });
        match done {
            Ok(tally) => {
                self.recorder.note(from, self.elapsed());
                let mut done = self.done.lock();
                done.tally += tally;
                done.see(id);
            }
            Err(failure) => {
                let mut done = self.done.lock();
                done.failed += 1;
                if done.failures.len() < FAILURES_MAX {
                    done.failures.push(failure.to_string());
                }
            }
        }
    }
}
