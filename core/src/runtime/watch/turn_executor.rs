//! Where turns run.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::{AbortHandle, JoinSet};
use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;
use tracing::subscriber::NoSubscriber;

use super::movable_task::{MovableTask, Work};
use super::watched_turn::WatchedTurn;
use crate::replay::panic_text;
use crate::runtime::node::Node;

/// The fewest threads of an executor. One may be blocked for a moment while the other goes on.
const THREADS_MIN: usize = 2;

/// The list of tasks is cleared of those that have ended from this length on.
const TASKS_MIN: usize = 64;

/// How often, and for how long, a turn comes back in vain for one of the user's threads before it goes
/// elsewhere. Turns take microseconds, as moving one does: under load it finds one nearly always. Where
/// code is known to take long, or the user's own tasks do, it does not wait.
const YIELDS_MAX: u32 = 8;
const YIELDING_MAX: Duration = Duration::from_millis(5);

thread_local! {
    /// Has the logs of an own thread go where those of the user's only thread go.
    static LOGS: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// The right to run the code of a turn on a thread of the user's.
pub(in crate::runtime) type UserThread<'a> = SemaphorePermit<'a>;

/// Runs turns so that code which does not yield blocks nobody else.
///
/// Turns run on the executor that the runtime was started on, on all of its threads but one at a
/// time; so that executor always has a thread that serves its timers and connections. Whatever finds
/// those threads taken and comes back in vain goes on on an executor of the runtime's own, and all
/// turns run there where the user's has a single thread. An own executor with a blocked thread is left
/// for a fresh one: nothing that a turn waits for belongs to the executor it is on, see
/// [`Node::on_service`].
#[derive(Debug)]
pub(in crate::runtime) struct TurnExecutor {
    user: Handle,
    /// The threads of an own executor.
    threads: usize,
    /// One for each thread of the user's on which a turn may be polled now.
    user_threads: Semaphore,
    has_one_thread: bool,
    /// Whether code has been running for long.
    is_blocked: AtomicBool,
    /// Where the logs of the user's only thread go.
    logs: Option<Dispatch>,
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// Opened with the first turn.
    executor: Option<Executor>,
    /// When turns began to run there.
    since: Duration,
    turns: Turns,
}

impl TurnExecutor {
    pub(in crate::runtime) fn new(user: Handle) -> Self {
        let is_on_the_caller = user.runtime_flavor() == RuntimeFlavor::CurrentThread;
        let logs = is_on_the_caller.then(|| tracing::dispatcher::get_default(Dispatch::clone));
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let user_threads = user.metrics().num_workers();
        Self {
            threads: threads.max(THREADS_MIN),
            user_threads: Semaphore::new(user_threads.saturating_sub(1)),
            has_one_thread: user_threads <= 1,
            is_blocked: AtomicBool::new(false),
            user,
            logs: logs.filter(|logs| !logs.is::<NoSubscriber>()),
            place: Mutex::default(),
        }
    }

    /// How many turns an own executor runs at once.
    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// Runs a turn.
    pub(in crate::runtime) fn spawn(&self, tasks: &mut JoinSet<()>, turn: WatchedTurn<Work>) {
        if self.has_one_thread {
            return self.spawn_elsewhere(tasks, turn.map(drop));
        }
        let on_user = OnUser {
            turn: Some(turn),
            yields: 0,
            yields_since: Duration::ZERO,
        };
        // The executor's cooperative budget would make it depend on the node when an orchestration
        // is quiet.
        tasks.spawn_on(tokio::task::unconstrained(on_user), &self.user);
    }

    /// This thread of the user's, for the code of a turn, if it may be taken.
    pub(in crate::runtime) fn try_user_thread(&self) -> Option<UserThread<'_>> {
        self.user_threads.try_acquire().ok()
    }

    /// Says whether the code of some turn has been running for long, so that its thread is not to be
    /// waited for.
    pub(super) fn note_blocked(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// Runs a turn on the own executor, from now on if it was on the user's before.
    pub(in crate::runtime) fn spawn_elsewhere(
        &self,
        tasks: &mut JoinSet<()>,
        turn: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = MovableTask::new(tokio::task::unconstrained(turn));
        let mut place = self.place.lock();
        let handle = self.handle(&mut place);
        place.turns.drive(&task, tasks, &handle);
    }

    /// Goes on without the threads that are blocked: `blocked_since` says when each of them was.
    pub(in crate::runtime) fn go_on(
        &self,
        tasks: &mut JoinSet<()>,
        blocked_since: &[Duration],
        now: Duration,
    ) {
        let mut place = self.place.lock();
        // Without an own executor, what blocks a thread blocks one of the user's.
        if place.executor.is_none() || blocked_since.iter().all(|since| *since < place.since) {
            return;
        }
        place.since = now;
        let blocked = place.executor.take();
        let handle = self.handle(&mut place);
        place.turns.go_to(tasks, &handle);
        drop(place);
        drop(blocked);
    }

    fn handle(&self, place: &mut Place) -> Handle {
        if place.executor.is_none() {
            place.executor = self.open();
        }
        let executor = place.executor.as_ref().and_then(|own| own.0.as_ref());
        executor.map_or_else(|| self.user.clone(), |own| own.handle().clone())
    }

    fn open(&self) -> Option<Executor> {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(self.threads)
            .thread_name("duroxide-turns")
            .enable_all();
        if let Some(logs) = self.logs.clone() {
            builder
                .on_thread_start(move || {
                    LOGS.set(Some(tracing::dispatcher::set_default(&logs)));
                })
                .on_thread_stop(|| drop(LOGS.take()));
        }
        // Where the system gives no thread, this does not fail but panics.
        let built = catch_unwind(AssertUnwindSafe(|| builder.build()));
        built
            .unwrap_or_else(|panic| Err(io::Error::other(panic_text(&*panic))))
            .inspect_err(|error| {
                tracing::error!(
                    target: "duroxide::runtime",
                    %error,
                    "turns run on the executor that the runtime was started on: the system gives no \
                     threads of their own"
                );
            })
            .ok()
            .map(|own| Executor(Some(own)))
    }

    /// Ends the executor. Whatever blocks a thread of it keeps that.
    pub(in crate::runtime) fn stop(&self) {
        let executor = self.place.lock().executor.take();
        drop(executor);
    }
}

/// A turn on the user's executor, for as long as it finds a thread there.
struct OnUser {
    turn: Option<WatchedTurn<Work>>,
    /// How often it has found no thread in a row.
    yields: u32,
    /// When it found none first, by the watch.
    yields_since: Duration,
}

impl OnUser {
    /// Whether to come back for a thread once more.
    fn may_yield(&mut self, node: &Node) -> bool {
        if node.turns.is_blocked.load(Ordering::Relaxed) || self.yields >= YIELDS_MAX {
            return false;
        }
        let now = node.watch.now();
        if self.yields == 0 {
            self.yields_since = now;
        }
        self.yields += 1;
        now.saturating_sub(self.yields_since) < YIELDING_MAX
    }
}

impl Future for OnUser {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut turn) = self.turn.take() else {
            return Poll::Ready(());
        };
        let node = Arc::clone(turn.node());
        let Some(_thread) = node.turns.try_user_thread() else {
            if self.may_yield(&node) {
                self.turn = Some(turn);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Something takes long there; it may never end.
            node.spawn_turn_elsewhere(turn.map(drop));
            return Poll::Ready(());
        };
        self.yields = 0;
        let polled = Pin::new(&mut turn).poll(cx);
        if polled.is_pending() {
            self.turn = Some(turn);
        }
        polled.map(drop)
    }
}

/// The turns that run on the own executor.
#[derive(Debug, Default)]
struct Turns {
    /// Each with its newest driver; some may have ended.
    tasks: Vec<(Weak<MovableTask>, AbortHandle)>,
    tasks_max: usize,
}

impl Turns {
    /// Has a task driven there from now on.
    fn drive(&mut self, task: &Arc<MovableTask>, tasks: &mut JoinSet<()>, handle: &Handle) {
        let driver = tasks.spawn_on(task.drive(), handle);
        if self.tasks.len() >= self.tasks_max {
            self.tasks.retain(|(task, _)| task.strong_count() > 0);
            self.tasks_max = TASKS_MIN.max(2 * self.tasks.len());
        }
        self.tasks.push((Arc::downgrade(task), driver));
    }

    fn go_to(&mut self, tasks: &mut JoinSet<()>, handle: &Handle) {
        for (task, driver) in std::mem::take(&mut self.tasks) {
            if let Some(task) = task.upgrade() {
                self.drive(&task, tasks, handle);
                driver.abort();
            }
        }
    }
}

/// An executor that never waits for its threads when it ends.
#[derive(Debug)]
struct Executor(Option<Runtime>);

impl Drop for Executor {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::runtime::one_activity;

    /// A turn waits a moment for the turn before it, and not at all where code is known to take long.
    #[tokio::test]
    async fn a_turn_comes_back_a_few_times_for_a_thread_that_is_not_blocked() {
        let node = one_activity::idle_node(&ManualClock::at_ms(0));
        let mut turn = OnUser {
            turn: None,
            yields: 0,
            yields_since: Duration::ZERO,
        };
        assert!(turn.may_yield(&node));
        node.turns.note_blocked(true);
        assert!(!turn.may_yield(&node));
        node.turns.note_blocked(false);
        let more = (0..100).take_while(|_| turn.may_yield(&node)).count();
        assert!(more < YIELDS_MAX as usize, "{more}");
        assert!(!turn.may_yield(&node));
    }
}
