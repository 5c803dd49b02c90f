//! A future that is polled so many times and then left alone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::{PROMPT, promptly};

/// An operation under way.
pub(super) struct Held<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    output: Option<T>,
    is_begun: bool,
    woken: Arc<Woken>,
}

struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

impl<'a, T: Send> Held<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self {
            future: Box::pin(future),
            output: None,
            is_begun: false,
            woken: Arc::new(Woken(Notify::new())),
        }
    }

    fn poll(&mut self, waker: &Waker) {
        let mut context = Context::from_waker(waker);
        if let Poll::Ready(output) = self.future.as_mut().poll(&mut context) {
            self.output = Some(output);
        }
    }

    /// Polls the operation once, after it was woken; whether it is still pending.
    pub(super) async fn poll_once(&mut self, point: &str) -> bool {
        if self.output.is_some() {
            return false;
        }
        if self.is_begun {
            let what = format!("the wake-up on the way to {point}");
            promptly(&what, self.woken.0.notified()).await;
        }
        self.is_begun = true;
        let waker = Waker::from(Arc::clone(&self.woken));
        self.poll(&waker);
        self.output.is_none()
    }

    /// Lets the operation go on to its end.
    pub(super) async fn finish(self) -> T {
        match self.output {
            Some(output) => output,
            None => self.future.await,
        }
    }
}

/// Runs an operation to its end while another one is held. One that takes longer than any busy
/// machine needs is taken to wait for the held one.
pub(super) async fn run_beside<T>(
    operation: impl Future<Output = T> + Send,
    name: &str,
    point: &str,
) -> T {
    match timeout(PROMPT, operation).await {
        Ok(output) => output,
        Err(_) => panic!(
            "{name} does not end while another caller rests at {point}: something is locked \
             across an await, and a caller that is slow to be polled stops all others (CON-01, \
             CXL-01)"
        ),
    }
}
