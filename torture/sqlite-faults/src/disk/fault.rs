//! Faults: which operation fails, and for how long.

use sqlite_plugin::vars;

/// A way in which a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A write that lengthens a file finds no space, and may have written a part.
    NoSpace,
    /// A write, or a change of length, fails.
    WriteError,
    /// A synchronisation fails, and what it was to make durable is forgotten.
    SyncError,
    /// A read fails.
    ReadError,
    /// A read brings less than was asked for.
    ShortRead,
    /// Shared memory cannot be had.
    NoSharedMemory,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::NoSpace,
        Self::WriteError,
        Self::SyncError,
        Self::ReadError,
        Self::ShortRead,
        Self::NoSharedMemory,
    ];

    /// What SQLite is told.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::NoSpace => vars::SQLITE_FULL,
            Self::WriteError => vars::SQLITE_IOERR_WRITE,
            Self::SyncError => vars::SQLITE_IOERR_FSYNC,
            Self::ReadError => vars::SQLITE_IOERR_READ,
            Self::ShortRead => vars::SQLITE_IOERR_SHORT_READ,
            Self::NoSharedMemory => vars::SQLITE_NOMEM,
        }
    }

    fn strikes(self, operation: Operation) -> bool {
        match self {
            Self::NoSpace => operation == Operation::Grow,
            Self::WriteError => matches!(operation, Operation::Grow | Operation::Overwrite),
            Self::SyncError => operation == Operation::Sync,
            Self::ReadError | Self::ShortRead => operation == Operation::Read,
            Self::NoSharedMemory => operation == Operation::MapMemory,
        }
    }
}

/// What is counted to find the moment of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A write beyond the end of a file.
    Grow,
    /// Another write, or a truncation.
    Overwrite,
    Sync,
    Read,
    MapMemory,
}

/// The faults of one run: from the `first`-th operation that the fault can strike, `count` times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultPlan {
    pub(crate) fault: Fault,
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// A plan at work.
#[derive(Debug)]
pub(crate) struct Faults {
    plan: FaultPlan,
    seen: u64,
    struck: u64,
}

impl Faults {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        Self {
            plan,
            seen: 0,
            struck: 0,
        }
    }

    /// The fault that strikes this operation, if one does.
    pub(crate) fn strike(&mut self, operation: Operation) -> Option<Fault> {
        let FaultPlan {
            fault,
            first,
            count,
        } = self.plan;
        if !fault.strikes(operation) {
            return None;
        }
        self.seen += 1;
        let strikes = self.seen >= first && self.seen < first.saturating_add(count);
        self.struck += u64::from(strikes);
        strikes.then_some(fault)
    }

    /// How many operations the fault could have struck.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// How many it did strike.
    pub(crate) fn struck(&self) -> u64 {
        self.struck
    }
}
