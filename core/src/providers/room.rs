//! How much may wait in a provider's queue, made once for every backend.
//!
//! Who brings more waits until there is room, so that a flood of calls is held up where it begins
//! and not kept in memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room in one queue, in units of the queue's choice.
#[derive(Debug)]
pub struct Room {
    free: Arc<Semaphore>,
    all: usize,
}

/// A part of the room, given back when this is dropped. It goes along with what is queued, since
/// who has queued it may be gone before it is done.
#[derive(Debug)]
pub struct Taken {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// So much room.
    #[must_use]
    pub fn of(all: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// How much of it is free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// Waits for so much room, first come, first served. What is larger than all of it waits until
    /// it is alone.
    pub async fn take(&self, units: usize) -> Taken {
        let units = u32::try_from(units.min(self.all)).unwrap_or(u32::MAX);
        // It fails only for a semaphore that is closed, which nobody does.
        let permit = Arc::clone(&self.free).acquire_many_owned(units).await.ok();
        Taken { _permit: permit }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_does_not_fit_waits_for_room_and_the_largest_is_alone() {
        let room = Room::of(10);
        let Poll::Ready(four) = poll(room.take(4)) else {
            panic!("there is room for four");
        };
        let mut seven = Box::pin(room.take(7));
        assert!(poll(seven.as_mut()).is_pending());
        drop(four);
        let Poll::Ready(seven) = poll(seven.as_mut()) else {
            panic!("there is room for seven");
        };
        let mut everything = Box::pin(room.take(usize::MAX));
        assert!(poll(everything.as_mut()).is_pending());
        drop(seven);
        let Poll::Ready(everything) = poll(everything.as_mut()) else {
            panic!("it is alone");
        };
        assert!(poll(room.take(1)).is_pending());
        drop(everything);
        assert!(poll(room.take(1)).is_ready());
    }
}
