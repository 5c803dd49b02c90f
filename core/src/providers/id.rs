//! Identifiers. They are newtypes, so that one cannot be passed for another.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// The name a user gives to an instance: 1 to 1,024 bytes of UTF-8 without control characters.
///
/// Every other character is allowed, quotes, braces and colons among them; no provider may give
/// them a meaning (MSG-06).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// The longest id, in bytes.
    pub const BYTES_MAX: usize = 1_024;

    /// Checks and wraps an id.
    ///
    /// # Errors
    /// [`InvalidInstanceId`] says what is wrong with it.
    pub fn new(id: impl AsRef<str>) -> Result<Self, InvalidInstanceId> {
        let id = id.as_ref();
        if id.is_empty() {
            Err(InvalidInstanceId::Empty)
        } else if id.len() > Self::BYTES_MAX {
            Err(InvalidInstanceId::TooLong { bytes: id.len() })
        } else if let Some(at) = id.find(char::is_control) {
            Err(InvalidInstanceId::ControlCharacter { at })
        } else {
            Ok(Self(Arc::from(id)))
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no instance id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidInstanceId {
    /// It has no characters.
    #[error("an instance id must not be empty")]
    Empty,
    /// It is longer than [`InstanceId::BYTES_MAX`].
    #[error(
        "an instance id has at most {} bytes, this one has {bytes}; use a shorter id",
        InstanceId::BYTES_MAX
    )]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It holds a control character.
    #[error("an instance id must not hold control characters, this one has one at byte {at}")]
    ControlCharacter {
        /// The byte at which that character begins.
        at: usize,
    },
}

impl Deref for InstanceId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for InstanceId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for InstanceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl TryFrom<String> for InstanceId {
    type Error = InvalidInstanceId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.as_str().to_owned()
    }
}

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

uuid_newtype! {
    /// One life of an instance id: the id of the message that started it (STA-05).
    Incarnation
}

uuid_newtype! {
    /// The identity of a message, chosen by its sender: random for a client's, derived from the
    /// sending event for a turn's, so that a repeated send is recognised (MSG-01, MSG-02).
    MessageId
}

uuid_newtype! {
    /// The fresh random id of one turn commit (IDM-01).
    CommitId
}

uuid_newtype! {
    /// The fresh random proof of holding one lease (LEA-02).
    LeaseToken
}

impl MessageId {
    /// The incarnation of the instance that this message starts (STA-05).
    #[must_use]
    pub fn incarnation(self) -> Incarnation {
        Incarnation(self.0)
    }
}

/// The name of a stream of mail within an instance: 0 to 1,024 bytes of UTF-8, of any characters
/// (MSG-06).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Topic(pub Arc<str>);

impl Topic {
    /// The longest name, in bytes (LIM-04).
    pub const BYTES_MAX: usize = 1_024;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Topic {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

/// The name of a value of an instance: 0 to 256 bytes of UTF-8, of any characters (MSG-06, VAL-05).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ValueKey(pub Arc<str>);

impl ValueKey {
    /// The longest name, in bytes (VAL-05).
    pub const BYTES_MAX: usize = 256;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ValueKey {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

/// The name of a queue of turns or of activities: up to 256 bytes of UTF-8. A queue of turns and one
/// of activities have nothing in common but the name, and there are as many as are named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TaskQueue(pub Arc<str>);

impl TaskQueue {
    /// The queue of whoever names none.
    pub const DEFAULT: &str = "default";

    /// The longest name, in bytes (LIM-05).
    pub const BYTES_MAX: usize = 256;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TaskQueue {
    fn default() -> Self {
        // Almost every instance and activity has it.
        static DEFAULT: LazyLock<TaskQueue> = LazyLock::new(|| TaskQueue::from(TaskQueue::DEFAULT));
        DEFAULT.clone()
    }
}

impl From<&str> for TaskQueue {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl fmt::Display for TaskQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
