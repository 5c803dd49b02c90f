//! A thread that serves orders until it is closed.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use duroxide_core::providers::ProviderError;
use parking_lot::Mutex;
use tokio::sync::watch;

/// The thread ends once the worker is closed or dropped and every order before that is served.
pub(crate) struct Worker<O> {
    orders: Mutex<Option<Sender<O>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: watch::Receiver<()>,
}

/// The worker takes no more orders.
#[derive(Debug)]
pub(crate) struct Closed;

impl<O: Send + 'static> Worker<O> {
    pub(crate) fn spawn(
        name: &'static str,
        serve: impl FnOnce(&Receiver<O>) + Send + 'static,
    ) -> Result<Self, ProviderError> {
        let (orders, received) = mpsc::channel();
        let (alive, ended) = watch::channel(());
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Dropped last, on a panic too.
                let _alive = alive;
                serve(&received);
            })
            .map_err(|cause| {
                ProviderError::retryable("open", "the system refuses another thread; try again")
                    .with_source(cause)
            })?;
        Ok(Self {
            orders: Mutex::new(Some(orders)),
            thread: Mutex::new(Some(thread)),
            ended,
        })
    }

    pub(crate) fn send(&self, order: O) -> Result<(), Closed> {
        match &*self.orders.lock() {
            Some(orders) => orders.send(order).map_err(|_| Closed),
            None => Err(Closed),
        }
    }

    /// Takes no more orders, and waits until those before are served and the thread has ended.
    pub(crate) async fn close(&self) {
        drop(self.orders.lock().take());
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
        let thread = self.thread.lock().take();
        // Its last step was to let go of `alive`, so that this takes no time. If it panicked, its
        // callers have heard of that already.
        thread.map(JoinHandle::join);
    }
}
