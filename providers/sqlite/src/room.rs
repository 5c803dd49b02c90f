//! How much may wait in the queues of the threads. Who brings more waits until there is room, so
//! that a flood of calls is held up where it begins and not kept in memory here.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::options::SqliteOptions;

/// What is counted for each operation, beside the bytes that it carries.
const OPERATION_BYTES: usize = 1024;

/// The unit in which room for writes is given out.
const UNIT_BYTES: usize = 1024;

/// The room in the queues of one provider.
#[derive(Debug)]
pub(crate) struct Rooms {
    writes: Room,
    pub(crate) narrow_reads: Room,
    pub(crate) wide_reads: Room,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        Self {
            writes: Room::of(SqliteOptions::QUEUED_WRITE_BYTES_MAX / UNIT_BYTES),
            narrow_reads: Room::of(SqliteOptions::QUEUED_READS_MAX),
            wide_reads: Room::of(SqliteOptions::QUEUED_READS_MAX),
        }
    }

    /// How many bytes of commits may still be queued.
    #[cfg(test)]
    pub(crate) fn free_bytes(&self) -> usize {
        self.writes.free.available_permits() * UNIT_BYTES
    }

    /// Waits until operations with so many bytes fit into the writer's queue.
    pub(crate) async fn for_writes(&self, operations: usize, bytes: usize) -> Taken {
        let bytes = operations
            .saturating_mul(OPERATION_BYTES)
            .saturating_add(bytes);
        self.writes.take(bytes.div_ceil(UNIT_BYTES)).await
    }
}

/// The room in one queue.
#[derive(Debug)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    all: usize,
}

/// A part of the room, given back when this is dropped. It goes along with what is queued, since
/// who has queued it may be gone before it is done.
#[derive(Debug)]
pub(crate) struct Taken {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    fn of(all: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// Waits for so much room, first come, first served. What is larger than all of it waits until
    /// it is alone.
    pub(crate) async fn take(&self, units: usize) -> Taken {
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
