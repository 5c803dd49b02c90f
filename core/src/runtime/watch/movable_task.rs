//! A task that can go on elsewhere when the executor it is on is blocked.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that is polled by its newest driver. Executors run the drivers: one that is blocked keeps
/// its driver and nothing else.
pub(super) struct MovableTask {
    /// Gone once it has ended. Locked while it is polled, so never waited for.
    work: Mutex<Option<Work>>,
    newest: AtomicU64,
    /// A driver that came while the one before was still within a poll.
    waiting: Mutex<Option<Waker>>,
}

impl fmt::Debug for MovableTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MovableTask").finish_non_exhaustive()
    }
}

impl MovableTask {
    pub(super) fn new(work: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            work: Mutex::new(Some(Box::pin(work))),
            newest: AtomicU64::new(0),
            waiting: Mutex::new(None),
        })
    }

    /// A driver, which takes over from the one before.
    pub(super) fn drive(self: &Arc<Self>) -> Driver {
        let number = self.newest.fetch_add(1, Ordering::AcqRel) + 1;
        Driver {
            task: Arc::clone(self),
            number,
        }
    }

    fn poll(&self, number: u64, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut work) = self.work.try_lock().or_else(|| {
            // The driver before is within a poll. It wakes this one when it comes back, unless it
            // did so just before it could know.
            *self.waiting.lock() = Some(cx.waker().clone());
            self.work.try_lock()
        }) else {
            return Poll::Pending;
        };
        // Looked at under the lock: whoever comes next finds it locked until this poll is over.
        let polled = if self.newest.load(Ordering::Acquire) != number {
            Poll::Ready(())
        } else if let Some(future) = &mut *work {
            let polled = future.as_mut().poll(cx);
            if polled.is_ready() {
                *work = None;
            }
            polled
        } else {
            Poll::Ready(())
        };
        drop(work);
        let next = self.waiting.lock().take();
        if let Some(next) = next {
            next.wake();
        }
        polled
    }
}

/// Polls a [`MovableTask`] as long as no newer driver does.
#[derive(Debug)]
pub(super) struct Driver {
    task: Arc<MovableTask>,
    number: u64,
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.task.poll(self.number, cx)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Aborted: the work ends here, though older drivers may still hold on to the task.
        if self.task.newest.load(Ordering::Acquire) == self.number {
            let work = self.task.work.try_lock().and_then(|mut work| work.take());
            drop(work);
        }
    }
}
