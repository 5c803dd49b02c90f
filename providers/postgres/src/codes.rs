//! How values are written in the tables.

use std::time::Duration;

use duroxide_core::clock::millis_ceil;
use duroxide_core::providers::{ExecutionStatus, InstanceStatus};
use sqlx::Error;

/// Longer than anybody waits, and short enough to be added to any time.
const MILLIS_MAX: i64 = 1 << 52;

/// A number to look for. What the server cannot hold is looked for as its largest number: it is not
/// there, and everything there is comes before it.
pub(crate) fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The same for sizes.
pub(crate) fn bounded_size(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// A number of rows.
pub(crate) fn row_limit(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(i32::MAX)
}

/// A place in an array; the server counts from 1.
pub(crate) fn place(index: usize) -> i32 {
    i32::try_from(index.saturating_add(1)).unwrap_or(i32::MAX)
}

/// The index in a list of a place in the server's array.
pub(crate) fn index(place: i64) -> Option<usize> {
    usize::try_from(place).ok()?.checked_sub(1)
}

/// A duration, in whole milliseconds, rounded up.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(millis_ceil(duration)).map_or(MILLIS_MAX, |ms| ms.min(MILLIS_MAX))
}

/// A number that is never negative in the tables.
pub(crate) fn unsigned(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|error| Error::Decode(error.into()))
}

pub(crate) fn of_instance_status(status: InstanceStatus) -> i16 {
    match status {
        InstanceStatus::Pending => 0,
        InstanceStatus::Running => 1,
        InstanceStatus::Completed => 2,
        InstanceStatus::Failed => 3,
    }
}

pub(crate) fn instance_status(code: i16) -> Result<InstanceStatus, Error> {
    match code {
        0 => Ok(InstanceStatus::Pending),
        1 => Ok(InstanceStatus::Running),
        2 => Ok(InstanceStatus::Completed),
        3 => Ok(InstanceStatus::Failed),
        _ => Err(unknown(code)),
    }
}

pub(crate) fn of_execution_status(status: ExecutionStatus) -> i16 {
    match status {
        ExecutionStatus::Running => 1,
        ExecutionStatus::Completed => 2,
        ExecutionStatus::Failed => 3,
        ExecutionStatus::ContinuedAsNew => 4,
    }
}

pub(crate) fn execution_status(code: i16) -> Result<ExecutionStatus, Error> {
    match code {
        1 => Ok(ExecutionStatus::Running),
        2 => Ok(ExecutionStatus::Completed),
        3 => Ok(ExecutionStatus::Failed),
        4 => Ok(ExecutionStatus::ContinuedAsNew),
        _ => Err(unknown(code)),
    }
}

fn unknown(code: i16) -> Error {
    Error::Decode(format!("there is no status {code}").into())
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

    #[test]
    fn a_duration_can_be_added_to_any_time() {
        assert_eq!(millis(Duration::from_micros(1_500)), 2);
        assert!(millis(Duration::MAX).checked_add(1 << 60).is_some());
    }
}
