//! Putting a store under load.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::recorder::{Measured, Recorder};
use crate::stage::Stage;
use crate::workload::Workload;

/// How many failures are kept for the report.
const FAILURES_MAX: usize = 20;
/// How many operations of an open loop may be under way: a backend that is so far behind does not follow.
const BEHIND_MAX: usize = 20_000;

/// How operations are begun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// So many are under way: each client begins its next one when its last one has ended.
    Closed { in_flight: usize },
    /// So many are begun in a second, whether those before have ended or not, and each is timed from the moment
    /// at which it should have begun.
    Open { per_second: f64 },
}

/// A load that is put on a store.
pub(crate) struct Load {
    stage: Arc<Stage>,
    workload: Arc<dyn Workload>,
    recorder: Recorder,
    began: Duration,
    end: Duration,
    interrupt: Interrupt,
    failed: Mutex<Failed>,
}

#[derive(Debug, Default)]
struct Failed {
    count: u64,
    first: Vec<String>,
}

/// What came of a load.
pub(crate) struct Loaded {
    pub(crate) measured: Measured,
    /// How many operations were begun.
    pub(crate) begun: u64,
    /// How long the last ones took to end after no more were begun.
    pub(crate) drain: Duration,
    /// How many have failed, and what is said of the first ones.
    pub(crate) failed: (u64, Vec<String>),
}

impl Load {
    /// Puts a load of this shape on the store, until it has lasted so long.
    pub(crate) async fn put(
        stage: &Arc<Stage>,
        workload: &Arc<dyn Workload>,
        shape: Shape,
        (warm_up, lasts): (Duration, Duration),
        interrupt: &Interrupt,
    ) -> Result<Loaded, Failure> {
        let end = warm_up + lasts;
        let load = Arc::new(Self {
            stage: Arc::clone(stage),
            workload: Arc::clone(workload),
            recorder: Recorder::new(warm_up, end)?,
            began: SystemClock.elapsed(),
            end,
            interrupt: interrupt.clone(),
            failed: Mutex::default(),
        });
        let begun = match shape {
            Shape::Closed { in_flight } => load.closed(in_flight).await,
            Shape::Open { per_second } => load.open(per_second).await?,
        };
        let until = if interrupt.is_wanted() {
            load.elapsed().min(end)
        } else {
            end
        };
        let drain = load.elapsed().saturating_sub(until);
        let load = Arc::into_inner(load);
        let load = load.ok_or_else(|| Failure::Unavailable("a client goes on".to_owned()))?;
        let failed = load.failed.into_inner();
        Ok(Loaded {
            measured: load.recorder.measured(until),
            begun,
            drain,
            failed: (failed.count, failed.first),
        })
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
                while load.elapsed() < load.end && !load.interrupt.is_wanted() {
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
            if at >= self.end || self.interrupt.is_wanted() {
                break;
            }
            let wait = at.saturating_sub(self.elapsed());
            if !wait.is_zero() {
                SystemClock.sleep(wait).await;
            }
            while under_way.try_join_next().is_some() {}
            if under_way.len() >= BEHIND_MAX {
                return Err(Failure::Unavailable(format!(
                    "the backend does not follow: {BEHIND_MAX} operations are under way; choose a lower --rate"
                )));
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
        let done = self.workload.operate(&self.stage.client, id).await;
        let ended = self.elapsed();
        match done {
            Ok(()) => self.recorder.note(ended, ended.saturating_sub(from)),
            Err(failure) => {
                let mut failed = self.failed.lock();
                failed.count += 1;
                if failed.first.len() < FAILURES_MAX {
                    failed.first.push(failure.to_string());
                }
            }
        }
    }
}
