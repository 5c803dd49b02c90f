//! How much may wait in the queues of the threads.

use duroxide_core::providers::room::{Room, Taken};

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
        self.writes.free() * UNIT_BYTES
    }

    /// Waits until operations with so many bytes fit into the writer's queue.
    pub(crate) async fn for_writes(&self, operations: usize, bytes: usize) -> Taken {
        let bytes = operations
            .saturating_mul(OPERATION_BYTES)
            .saturating_add(bytes);
        self.writes.take(bytes.div_ceil(UNIT_BYTES)).await
    }
}
