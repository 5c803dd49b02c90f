//! Waits with a bound, and futures that are dropped half-way.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use duroxide_core::providers::{InstanceHead, ProviderError, Queues, TaskQueue, Watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use super::Cx;

/// The real time within which something must happen that needs no time of the store's, however busy
/// the machine is. It is only spent when a case fails, and then the case's own limit may come first.
pub(crate) const PROMPT: Duration = Duration::from_secs(60);
/// The real time after which something that has not happened is taken not to happen.
const QUIET: Duration = Duration::from_millis(30);

/// The result of something that happens without the store's clock moving.
pub(crate) async fn promptly<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(PROMPT, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not happen, though nothing holds it back"),
    }
}

/// Polls a future so many times at most and drops it; the output if it ended before.
pub(crate) async fn drop_after_polls<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        yield_now().await;
    }
    None
}

/// A wait in a task of its own.
pub(crate) struct Waiting<T> {
    cx: Cx,
    task: JoinHandle<T>,
}

impl Cx {
    /// Which queues a waiter for turns serves.
    pub(crate) fn turns() -> Queues {
        Queues {
            turns: vec![TaskQueue::default()],
            activities: Vec::new(),
        }
    }

    /// Which queues a waiter for turns of this queue serves.
    pub(crate) fn turns_of(queue: &str) -> Queues {
        Queues {
            turns: vec![TaskQueue::from(queue)],
            activities: Vec::new(),
        }
    }

    /// Which queues a waiter for activities of this queue serves.
    pub(crate) fn activities_of(queue: &str) -> Queues {
        Queues {
            turns: Vec::new(),
            activities: vec![TaskQueue(queue.into())],
        }
    }

    /// Begins to wait for work.
    pub(crate) fn wait(
        &self,
        queues: Queues,
        max_wait: Duration,
    ) -> Waiting<Result<(), ProviderError>> {
        let cx = self.clone();
        let task =
            tokio::spawn(async move { cx.provider().wait_for_work(&queues, max_wait).await });
        let cx = self.clone();
        Waiting { cx, task }
    }

    /// Begins to wait for a change.
    pub(crate) fn watch(
        &self,
        watched: Vec<Watch>,
        max_wait: Duration,
    ) -> Waiting<Result<Vec<InstanceHead>, ProviderError>> {
        let cx = self.clone();
        let task =
            tokio::spawn(async move { cx.provider().wait_for_change(&watched, max_wait).await });
        let cx = self.clone();
        Waiting { cx, task }
    }
}

impl<T: Debug> Waiting<T> {
    /// Checks that the wait goes on while the store's clock stands still.
    pub(crate) async fn goes_on(&mut self) {
        let ended = timeout(QUIET, &mut self.task).await;
        assert!(ended.is_err(), "the wait ended early: {ended:?}");
    }

    /// The result of a wait that ends without the store's clock moving.
    pub(crate) async fn ends(self) -> T {
        promptly("the end of the wait", self.task)
            .await
            .expect("the wait does not panic")
    }

    /// The result of a wait that ends as the store's clock moves by such steps.
    ///
    /// One step would do if the waiter were known to have looked at the clock before it; further
    /// ones make up for a waiter that was late.
    pub(crate) async fn ends_as_time_passes(mut self, step: Duration) -> T {
        const STEPS_MAX: u32 = 50;
        let store = self.cx.store();
        let passage = self.cx.begin_passage(format_args!("steps of {step:?}"));
        for _ in 0..STEPS_MAX {
            store.clock().elapse(step).await;
            if let Ok(ended) = timeout(QUIET, &mut self.task).await {
                self.cx.end_passage(passage);
                return ended.expect("the wait does not panic");
            }
        }
        self.cx.end_passage(passage);
        panic!("the wait goes on after {:?}", step * STEPS_MAX)
    }

    /// The result of a wait for something that another handle did: at once where the store hears
    /// of it, at its next look elsewhere.
    pub(crate) async fn ends_sooner_or_later(self, step: Duration) -> T {
        if self.cx.provider().capabilities().push_wakeups {
            self.ends().await
        } else {
            self.ends_as_time_passes(step).await
        }
    }
}
