//! Where the two ends of the way from one partition to another stand.

use std::fmt;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many bytes a link has.
const LINK_BYTES: usize = 8;

/// What tells an entry, and every entry before it, from all others. It is given once.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link([u8; LINK_BYTES]);

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Link {
    /// Scripts know one kind of text, so that a link may look like one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        let link = <[u8; LINK_BYTES]>::try_from(&*bytes);
        link.map(Self).map_err(D::Error::custom)
    }
}

/// An entry by its number and its link. Number 0 is before the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Place(pub(crate) u64, pub(crate) Link);

/// Where a target stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last entry that it took.
    pub(crate) place: Place,
    /// The link that it gave up last. Without it a batch that was taken before would fit again.
    pub(crate) lost: Link,
}
