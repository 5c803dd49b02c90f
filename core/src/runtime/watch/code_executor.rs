//! Where the user's code runs.

use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::{AbortHandle, JoinSet};
use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;
use tracing::subscriber::NoSubscriber;

use super::movable_task::MovableTask;

/// The threads of an executor of the runtime's own. One may be blocked for a moment while the other
/// goes on.
const THREADS: usize = 2;

/// Lists of tasks are cleared of those that have ended from this length on.
const TASKS_MIN: usize = 64;

thread_local! {
    /// Has the logs of an own thread go where those of the user's only thread go.
    static LOGS: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// Decides where the user's code runs: on the executor that the runtime was started on as long as
/// all goes well.
///
/// Turns run on an executor of the runtime's own where the user's has a single thread, and once
/// code was seen that does not yield; activities do while every thread of the user's is blocked. An
/// own executor with a blocked thread is left for a fresh one.
#[derive(Debug)]
pub(in crate::runtime) struct CodeExecutor {
    user: Handle,
    /// Where the logs of the user's only thread go.
    logs: Option<Dispatch>,
    place: Mutex<Place>,
}

#[derive(Debug)]
struct Place {
    /// Whether turns run on the runtime's own executor.
    is_own: bool,
    /// Opened when it is first needed.
    own: Option<Own>,
    /// When turns began to run where they do.
    since: Duration,
    /// When they left the user's executor.
    user_left_at: Option<Duration>,
    is_user_blocked: bool,
    /// Own executors with blocked threads, each with the tasks that may rest on it still: a timer
    /// of theirs belongs to the executor that it was begun on.
    left: Vec<(Own, Vec<Weak<MovableTask>>)>,
    turns: Tasks,
    activities: Tasks,
}

/// How many executors are left behind at most. Beyond that turns wait for threads that come back.
const LEFT_MAX: usize = 32;

impl CodeExecutor {
    pub(in crate::runtime) fn new(user: Handle) -> Self {
        let is_own = user.runtime_flavor() == RuntimeFlavor::CurrentThread;
        let logs = is_own.then(|| tracing::dispatcher::get_default(Dispatch::clone));
        Self {
            user,
            logs: logs.filter(|logs| !logs.is::<NoSubscriber>()),
            place: Mutex::new(Place {
                is_own,
                own: None,
                since: Duration::ZERO,
                user_left_at: is_own.then_some(Duration::ZERO),
                is_user_blocked: false,
                left: Vec::new(),
                turns: Tasks::default(),
                activities: Tasks::default(),
            }),
        }
    }

    /// Whether turns run on threads of the runtime's own.
    pub(in crate::runtime) fn is_own(&self) -> bool {
        self.place.lock().is_own
    }

    /// Runs what may bring a turn.
    pub(in crate::runtime) fn spawn_turn(
        &self,
        tasks: &mut JoinSet<()>,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        // The executor's cooperative budget would make it depend on the node when an orchestration
        // is quiet.
        let task = MovableTask::new(tokio::task::unconstrained(work));
        let mut place = self.place.lock();
        let handle = if place.is_own {
            self.own_handle(&mut place)
        } else {
            self.user.clone()
        };
        place.turns.drive(&task, tasks, &handle);
    }

    /// Runs an activity.
    pub(in crate::runtime) fn spawn_activity(
        &self,
        tasks: &mut JoinSet<()>,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = MovableTask::new(work);
        let mut place = self.place.lock();
        let handle = if place.is_user_blocked {
            self.own_handle(&mut place)
        } else {
            self.user.clone()
        };
        place.activities.drive(&task, tasks, &handle);
    }

    /// Goes on without the threads that are blocked: `blocked_since` says when the last of them
    /// was. What is not on them moves to a fresh executor, unless it is on one already.
    pub(in crate::runtime) fn go_on(
        &self,
        tasks: &mut JoinSet<()>,
        blocked_since: &[Duration],
        now: Duration,
    ) {
        let mut place = self.place.lock();
        let user_left_at = place.user_left_at.unwrap_or(now);
        let on_user = blocked_since.iter().filter(|since| **since < user_left_at);
        let threads = self.user.metrics().num_workers();
        let is_user_blocked = on_user.count() >= threads;
        let was_blocked = std::mem::replace(&mut place.is_user_blocked, is_user_blocked);

        // Whatever is left has threads of its own, until all that rests on it has ended.
        let needs_other =
            place.left.len() < LEFT_MAX && blocked_since.iter().any(|since| *since >= place.since);
        if needs_other {
            place.since = now;
            place.is_own = true;
            place.user_left_at.get_or_insert(now);
            if let Some(own) = place.own.take() {
                let rests = place.turns.all().chain(place.activities.all()).collect();
                place.left.push((own, rests));
            }
            let handle = self.own_handle(&mut place);
            place.turns.go_to(tasks, &handle);
        }
        if is_user_blocked && (needs_other || !was_blocked) {
            let handle = self.own_handle(&mut place);
            place.activities.go_to(tasks, &handle);
        }
        let is_unused = |(_, rests): &mut (Own, Vec<Weak<MovableTask>>)| {
            rests.iter().all(|task| task.strong_count() == 0)
        };
        let unused: Vec<_> = place.left.extract_if(.., is_unused).collect();
        drop(place);
        drop(unused);
    }

    fn own_handle(&self, place: &mut Place) -> Handle {
        if place.own.is_none() {
            place.own = self.open();
        }
        let own = place.own.as_ref().and_then(|own| own.0.as_ref());
        own.map_or_else(|| self.user.clone(), |own| own.handle().clone())
    }

    fn open(&self) -> Option<Own> {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(THREADS)
            .thread_name("duroxide-turns")
            .enable_all();
        if let Some(logs) = self.logs.clone() {
            builder
                .on_thread_start(move || {
                    LOGS.set(Some(tracing::dispatcher::set_default(&logs)));
                })
                .on_thread_stop(|| drop(LOGS.take()));
        }
        builder
            .build()
            .inspect_err(|error| {
                tracing::error!(
                    target: "duroxide::runtime",
                    %error,
                    "turns stay on the executor that the runtime was started on: the system gives \
                     no threads for one of their own"
                );
            })
            .ok()
            .map(|own| Own(Some(own)))
    }

    /// Ends the executors that are not the user's. Whatever blocks a thread of theirs keeps it.
    pub(in crate::runtime) fn stop(&self) {
        let (own, left) = {
            let mut place = self.place.lock();
            (place.own.take(), std::mem::take(&mut place.left))
        };
        drop((own, left));
    }
}

/// Tasks of one kind.
#[derive(Debug, Default)]
struct Tasks {
    /// Each with its newest driver; some may have ended.
    tasks: Vec<(Weak<MovableTask>, AbortHandle)>,
    tasks_max: usize,
}

impl Tasks {
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

    fn all(&self) -> impl Iterator<Item = Weak<MovableTask>> {
        self.tasks.iter().map(|(task, _)| Weak::clone(task))
    }
}

/// An executor of the runtime's own, which never waits for its threads when it ends.
#[derive(Debug)]
struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
