//! How values are written in the tables.

use duroxide_core::providers::{ExecutionStatus, InstanceStatus};
use rusqlite::types::{FromSqlError, FromSqlResult};

/// A number to look for. What SQLite cannot hold is looked for as its largest number: it is not
/// there, and everything there is comes before it.
pub(crate) fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A `LIMIT`.
pub(crate) fn row_limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

pub(crate) fn of_instance_status(status: InstanceStatus) -> u8 {
    match status {
        InstanceStatus::Pending => 0,
        InstanceStatus::Running => 1,
        InstanceStatus::Completed => 2,
        InstanceStatus::Failed => 3,
    }
}

pub(crate) fn instance_status(code: u8) -> FromSqlResult<InstanceStatus> {
    match code {
        0 => Ok(InstanceStatus::Pending),
        1 => Ok(InstanceStatus::Running),
        2 => Ok(InstanceStatus::Completed),
        3 => Ok(InstanceStatus::Failed),
        _ => Err(FromSqlError::OutOfRange(i64::from(code))),
    }
}

pub(crate) fn of_execution_status(status: ExecutionStatus) -> u8 {
    match status {
        ExecutionStatus::Running => 1,
        ExecutionStatus::Completed => 2,
        ExecutionStatus::Failed => 3,
        ExecutionStatus::ContinuedAsNew => 4,
    }
}

pub(crate) fn execution_status(code: u8) -> FromSqlResult<ExecutionStatus> {
    match code {
        1 => Ok(ExecutionStatus::Running),
        2 => Ok(ExecutionStatus::Completed),
        3 => Ok(ExecutionStatus::Failed),
        4 => Ok(ExecutionStatus::ContinuedAsNew),
        _ => Err(FromSqlError::OutOfRange(i64::from(code))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back() {
        for code in 0..4 {
            assert_eq!(of_instance_status(instance_status(code).unwrap()), code);
        }
        for code in 1..5 {
            assert_eq!(of_execution_status(execution_status(code).unwrap()), code);
        }
        assert!(instance_status(4).is_err() && execution_status(0).is_err());
    }
}
