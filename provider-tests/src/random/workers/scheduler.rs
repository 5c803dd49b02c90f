//! Runs the workers' futures in an order that a seed draws.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::LEASE;
use crate::fixture::Pace;
use crate::support::Cx;

/// The run of one worker.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// After so many polls tokio gets its turn, since what is polled shares one task's budget.
const POLLS_BEFORE_YIELD: usize = 16;
/// The longest of the steps in which time usually passes.
const STEP_MS_MAX: u64 = 60;

/// Polls one of the futures that can go on, drawn from a seed, again and again.
///
/// On a store with a virtual clock time stands still while any worker is at work, and passes by a
/// drawn step when all of them sleep. So on a provider that has no threads of its own the same seed
/// gives the same run, call by call. A provider with threads decides itself which of the calls of
/// one step comes first; which calls these are still follows from the seed and the answers.
#[derive(Debug)]
pub(super) struct Scheduler {
    rng: Rng,
    sleep: Sleep,
}

/// How workers let time pass.
#[derive(Debug, Clone)]
pub(super) struct Sleep {
    cx: Cx,
    asleep: Arc<AtomicUsize>,
}

impl Sleep {
    /// Returns when this much of the store's time has passed.
    pub(super) async fn sleep(&self, duration: Duration) {
        match self.cx.pace() {
            Pace::Virtual => {
                self.asleep.fetch_add(1, Ordering::Relaxed);
                self.cx.clock().sleep(duration).await;
                self.asleep.fetch_sub(1, Ordering::Relaxed);
            }
            Pace::Real { .. } => self.cx.elapse(duration).await,
        }
    }
}

/// The futures that were woken.
#[derive(Debug, Default)]
struct Ready {
    indices: Mutex<BTreeSet<usize>>,
    changed: Notify,
}

struct Wakeup {
    index: usize,
    ready: Arc<Ready>,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.ready.indices.lock().insert(self.index);
        self.ready.changed.notify_one();
    }
}

impl Scheduler {
    pub(super) fn new(cx: &Cx, seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            sleep: Sleep {
                cx: cx.clone(),
                asleep: Arc::default(),
            },
        }
    }

    pub(super) fn sleep(&self) -> Sleep {
        self.sleep.clone()
    }

    /// Runs the futures until all have ended, or drops them after so many polls, wherever they are.
    pub(super) async fn run(mut self, workers: Vec<Work>, polls_max: usize) {
        let mut workers: Vec<Option<Work>> = workers.into_iter().map(Some).collect();
        let ready = Arc::new(Ready::default());
        let wakers: Vec<Waker> = (0..workers.len())
            .map(|index| {
                let ready = Arc::clone(&ready);
                ready.indices.lock().insert(index);
                Waker::from(Arc::new(Wakeup { index, ready }))
            })
            .collect();
        let mut alive = workers.len();
        let mut polls = 0;
        while alive > 0 && polls < polls_max {
            let Some(index) = self.draw(&ready) else {
                if self.sleep.asleep.load(Ordering::Relaxed) == alive {
                    let step = self.step();
                    self.sleep.cx.elapse(step).await;
                } else {
                    ready.changed.notified().await;
                }
                continue;
            };
            polls += 1;
            if poll(&mut workers[index], &wakers[index]) {
                workers[index] = None;
                alive -= 1;
            }
            if polls.is_multiple_of(POLLS_BEFORE_YIELD) {
                yield_now().await;
            }
        }
    }

    fn draw(&mut self, ready: &Ready) -> Option<usize> {
        let mut indices = ready.indices.lock();
        let place = self.rng.usize(..indices.len().max(1));
        let index = indices.iter().nth(place).copied()?;
        indices.remove(&index);
        Some(index)
    }

    /// By how much time passes: usually little, now and then more than a lease.
    fn step(&mut self) -> Duration {
        if self.rng.u8(..) < 8 {
            LEASE * 3 / 2
        } else {
            Duration::from_millis(self.rng.u64(1..=STEP_MS_MAX))
        }
    }
}

/// Whether this poll ended the work; one that has ended before may be woken once more.
fn poll(work: &mut Option<Work>, waker: &Waker) -> bool {
    let mut context = Context::from_waker(waker);
    work.as_mut()
        .is_some_and(|work| work.as_mut().poll(&mut context).is_ready())
}
