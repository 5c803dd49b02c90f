//! A queue between callers and the connections that serve them.

use std::collections::VecDeque;
use std::pin::pin;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What is queued, with what it takes of a batch.
pub(crate) trait Weighted {
    fn parts(&self) -> usize;
    fn bytes(&self) -> usize;
}

/// What one batch may hold, unless its first member is larger by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchMax {
    pub(crate) parts: usize,
    pub(crate) bytes: usize,
}

/// A queue between callers and the connections that serve them.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    is_closed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                is_closed: false,
            }),
            changed: Notify::new(),
        }
    }
}

impl<T: Weighted> Queue<T> {
    /// Adds an item; gives it back if the queue is closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        {
            let mut state = self.state.lock();
            if state.is_closed {
                return Err(item);
            }
            state.items.push_back(item);
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Takes no more items; those that are there are still served.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_waiters();
    }

    /// What is there now, as much as one batch may hold.
    pub(crate) fn take_now(&self, max: BatchMax) -> Vec<T> {
        self.state.lock().take(max)
    }

    /// What is there, as much as one batch may hold, as soon as there is something; `None` once the
    /// queue is closed and empty.
    pub(crate) async fn take(&self, max: BatchMax) -> Option<Vec<T>> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let mut state = self.state.lock();
                let batch = state.take(max);
                if !batch.is_empty() {
                    // What is left is for whoever else serves this queue.
                    let is_more = !state.items.is_empty();
                    drop(state);
                    if is_more {
                        self.changed.notify_one();
                    }
                    return Some(batch);
                }
                if state.is_closed {
                    return None;
                }
            }
            changed.await;
        }
    }
}

impl<T: Weighted> State<T> {
    fn take(&mut self, max: BatchMax) -> Vec<T> {
        let mut batch = Vec::new();
        let (mut parts, mut bytes) = (0_usize, 0_usize);
        while let Some(item) = self.items.front() {
            parts = parts.saturating_add(item.parts());
            bytes = bytes.saturating_add(item.bytes());
            if !batch.is_empty() && (parts > max.parts || bytes > max.bytes) {
                break;
            }
            batch.extend(self.items.pop_front());
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weighted for usize {
        fn parts(&self) -> usize {
            1
        }

        fn bytes(&self) -> usize {
            *self
        }
    }

    #[tokio::test]
    async fn a_batch_holds_what_fits_and_one_item_at_least() {
        let queue = Queue::default();
        let max = BatchMax {
            parts: 3,
            bytes: 10,
        };
        for item in [50, 4, 6, 1, 1, 1, 1] {
            queue.push(item).unwrap();
        }
        assert_eq!(queue.take(max).await, Some(vec![50]));
        assert_eq!(queue.take(max).await, Some(vec![4, 6]));
        queue.close();
        assert_eq!(queue.push(1), Err(1));
        assert_eq!(queue.take(max).await, Some(vec![1, 1, 1]));
        assert_eq!(queue.take(max).await, Some(vec![1]));
        assert_eq!(queue.take(max).await, None);
    }
}
