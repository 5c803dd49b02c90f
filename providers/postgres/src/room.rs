//! How much may wait in the queues of a provider.

use duroxide_core::providers::room::{Room, Taken};

use crate::options::PostgresOptions;

/// What is counted for each operation, beside the bytes that it carries.
const OPERATION_BYTES: usize = 1024;

/// The unit in which room for writes is given out.
const UNIT_BYTES: usize = 1024;

/// The room in the queues of one provider.
#[derive(Debug)]
pub(crate) struct Rooms {
    writes: Room,
    pub(crate) reads: Room,
    pub(crate) wide_reads: Room,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        Self {
            writes: Room::of(PostgresOptions::QUEUED_WRITE_BYTES_MAX / UNIT_BYTES),
            reads: Room::of(PostgresOptions::QUEUED_READS_MAX),
            wide_reads: Room::of(PostgresOptions::QUEUED_READS_MAX),
        }
    }

    /// Waits until operations with so many bytes may be queued.
    pub(crate) async fn for_writes(&self, operations: usize, bytes: usize) -> Taken {
        let bytes = operations
            .saturating_mul(OPERATION_BYTES)
            .saturating_add(bytes);
        self.writes.take(bytes.div_ceil(UNIT_BYTES)).await
    }
}
