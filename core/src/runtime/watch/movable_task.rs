//! A task that can go on elsewhere when the executor it is on is blocked.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// What a task does.
pub(in crate::runtime) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

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

    fn is_newest(&self, number: u64) -> bool {
        self.newest.load(Ordering::Acquire) == number
    }

    fn poll(&self, number: u64, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut work) = self.work.try_lock().or_else(|| {
            // The driver before is within a poll. It wakes this one when it comes back, unless it
            // did so just before it could know. One that has been superseded meanwhile must not be
            // woken in its successor's place.
            let mut waiting = self.waiting.lock();
            if self.is_newest(number) {
                *waiting = Some(cx.waker().clone());
            }
            drop(waiting);
            self.work.try_lock()
        }) else {
            return if self.is_newest(number) {
                Poll::Pending
            } else {
                Poll::Ready(())
            };
        };
        // Looked at under the lock: whoever comes next finds it locked until this poll is over.
        let polled = if !self.is_newest(number) {
            Ok(Poll::Ready(()))
        } else if let Some(future) = &mut *work {
            // A poll that panics ends the work, and nobody is to wait for it.
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            if !matches!(polled, Ok(Poll::Pending)) {
                *work = None;
            }
            polled
        } else {
            Ok(Poll::Ready(()))
        };
        drop(work);
        let next = self.waiting.lock().take();
        if let Some(next) = next {
            next.wake();
        }
        polled.unwrap_or_else(|panic| resume_unwind(panic))
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicBool, AtomicU32};
    use std::sync::mpsc;

    use futures_util::task::noop_waker;
    use tokio::sync::oneshot;

    use super::*;

    fn poll_once(driver: &mut Driver) -> Poll<()> {
        Pin::new(driver).poll(&mut Context::from_waker(&noop_waker()))
    }

    #[tokio::test]
    async fn the_newest_driver_goes_on_and_those_before_end() {
        let (send, receive) = oneshot::channel::<()>();
        let task = MovableTask::new(async move { receive.await.unwrap() });
        let mut first = task.drive();
        assert!(poll_once(&mut first).is_pending());
        let mut second = task.drive();
        assert!(poll_once(&mut first).is_ready(), "it has been superseded");
        drop(first);
        assert!(
            poll_once(&mut second).is_pending(),
            "the work is still there"
        );
        send.send(()).unwrap();
        assert!(poll_once(&mut second).is_ready());
    }

    #[test]
    fn the_work_ends_with_its_newest_driver() {
        struct Tell(Arc<AtomicBool>);
        impl Drop for Tell {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let is_dropped = Arc::new(AtomicBool::new(false));
        let tell = Tell(Arc::clone(&is_dropped));
        let task = MovableTask::new(async move {
            let _tell = tell;
            std::future::pending().await
        });
        let mut first = task.drive();
        assert!(poll_once(&mut first).is_pending());
        let second = task.drive();
        drop(first);
        assert!(!is_dropped.load(Ordering::SeqCst));
        drop(second);
        assert!(
            is_dropped.load(Ordering::SeqCst),
            "though the task is still held"
        );
        drop(task);
    }

    /// The driver that comes while a poll is under way goes on with what that poll leaves.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_driver_waits_for_the_poll_that_is_under_way() {
        let (enter, entered) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        let polls = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&polls);
        let task = MovableTask::new(poll_fn(move |_| {
            if count.fetch_add(1, Ordering::SeqCst) > 0 {
                return Poll::Ready(());
            }
            enter.send(()).unwrap();
            left.recv().unwrap();
            Poll::Pending
        }));
        let first = task.drive();
        let blocked = std::thread::spawn(move || {
            let mut first = first;
            poll_once(&mut first)
        });
        entered.recv().unwrap();
        let second = tokio::spawn(task.drive());
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!second.is_finished());
        assert_eq!(polls.load(Ordering::SeqCst), 1);
        leave.send(()).unwrap();
        assert!(blocked.join().unwrap().is_pending());
        second.await.unwrap();
        assert_eq!(polls.load(Ordering::SeqCst), 2);
    }

    /// A poll that panics leaves nobody waiting for it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_driver_does_not_wait_for_a_poll_that_panics() {
        let (enter, entered) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        let task = MovableTask::new(poll_fn(move |_| {
            enter.send(()).unwrap();
            left.recv().unwrap();
            panic!("as a test");
        }));
        let first = tokio::spawn(task.drive());
        tokio::task::block_in_place(|| entered.recv().unwrap());
        let mut second = task.drive();
        assert!(poll_once(&mut second).is_pending());
        let second = tokio::spawn(second);
        leave.send(()).unwrap();
        assert!(first.await.unwrap_err().is_panic());
        second.await.unwrap();
    }
}
