//! How ids, numbers and times are written in requests and answers.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::clock::millis_ceil;
use duroxide_core::providers::{ExecutionStatus, InstanceStatus, Position};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// The longest time that a script counts with: numbers in scripts are exact up to 2⁵³, and a time is a
/// sum of two.
const MILLIS_MAX: u64 = 1 << 52;

/// The milliseconds of a duration, rounded up.
pub(crate) fn millis(duration: Duration) -> u64 {
    millis_ceil(duration).min(MILLIS_MAX)
}

/// A number as text whose order is that of the numbers.
pub(crate) fn hex(number: u64) -> String {
    format!("{number:016x}")
}

/// A random id: its sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Id(pub(crate) Uuid);

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Id {
    /// Scripts know one kind of text, so that an id may look like one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        Uuid::from_slice(&bytes).map(Self).map_err(D::Error::custom)
    }
}

/// A number of sixteen digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Number(pub(crate) u64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(self.0))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&digits, 16);
        number.map(Self).map_err(D::Error::custom)
    }
}

/// The key of an activity within its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ActivityId {
    pub(crate) execution: u64,
    pub(crate) activity_id: u64,
}

impl Serialize for ActivityId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&(hex(self.execution) + &hex(self.activity_id)))
    }
}

impl<'de> Deserialize<'de> for ActivityId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let number = |part: Option<&str>| {
            let part = part.ok_or_else(|| D::Error::custom("an activity's key is cut"))?;
            u64::from_str_radix(part, 16).map_err(D::Error::custom)
        };
        Ok(Self {
            execution: number(digits.get(..16))?,
            activity_id: number(digits.get(16..))?,
        })
    }
}

/// How the state of an instance is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StatusCode {
    #[serde(rename = "P")]
    Pending,
    #[serde(rename = "R")]
    Running,
    #[serde(rename = "C")]
    Completed,
    #[serde(rename = "F")]
    Failed,
    /// Of executions only.
    #[serde(rename = "N")]
    ContinuedAsNew,
}

impl StatusCode {
    pub(crate) fn instance(self) -> InstanceStatus {
        match self {
            Self::Pending => InstanceStatus::Pending,
            Self::Running | Self::ContinuedAsNew => InstanceStatus::Running,
            Self::Completed => InstanceStatus::Completed,
            Self::Failed => InstanceStatus::Failed,
        }
    }

    pub(crate) fn execution(self) -> ExecutionStatus {
        match self {
            Self::Pending | Self::Running => ExecutionStatus::Running,
            Self::Completed => ExecutionStatus::Completed,
            Self::Failed => ExecutionStatus::Failed,
            Self::ContinuedAsNew => ExecutionStatus::ContinuedAsNew,
        }
    }
}

impl From<ExecutionStatus> for StatusCode {
    fn from(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Running => Self::Running,
            ExecutionStatus::Completed => Self::Completed,
            ExecutionStatus::Failed => Self::Failed,
            ExecutionStatus::ContinuedAsNew => Self::ContinuedAsNew,
        }
    }
}

/// Where a history ends, as scripts compare it.
pub(crate) fn place(position: Position) -> (Number, Number) {
    (Number(position.execution), Number(position.next_event_id))
}

/// Bytes as bytes, not as a list of numbers.
pub(crate) mod raw {
    use serde::Serializer;

    pub(crate) fn serialize<S: Serializer>(
        bytes: &&[u8],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }
}
