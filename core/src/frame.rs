//! The frame around everything that core stores: a mark, a format version, a checksum, JSON.
//!
//! ```text
//! byte 0     b'D'
//! byte 1     format version, 1
//! bytes 2-5  CRC-32 of the rest, little-endian
//! bytes 6-   JSON
//! ```

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

const MARK: u8 = b'D';
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 6;
/// What most values fit into, so that the buffer need not grow step by step.
const TYPICAL_BYTES: usize = 512;

/// Where JSON stops being what duroxide writes.
///
/// The reader's own words would quote what it read, which may be a secret, and this is logged and
/// recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentError {
    category: Category,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for ContentError {
    fn from(error: serde_json::Error) -> Self {
        Self {
            category: error.classify(),
            line: error.line(),
            column: error.column(),
        }
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            category,
            line,
            column,
        } = self;
        f.write_str(match category {
            Category::Eof => "the JSON is not complete",
            Category::Syntax | Category::Data | Category::Io => {
                "the JSON is not what this duroxide writes"
            }
        })?;
        // The reader does not always know.
        if *line > 0 {
            write!(f, ", at line {line}, column {column}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ContentError {}

/// Why bytes cannot be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// They do not begin as anything that duroxide wrote.
    #[error("these bytes were not written by duroxide")]
    NotOurs,
    /// A later duroxide wrote them.
    #[error(
        "these bytes have format version {version}, this duroxide reads up to {VERSION}; update it"
    )]
    NewerFormat {
        /// The version it used.
        version: u8,
    },
    /// They are not the bytes that were written.
    #[error("these bytes are damaged: their checksum is wrong; restore the store from a backup")]
    Damaged,
    /// They are what was written, since their checksum is right, and say something that this
    /// duroxide does not know: a later one has kinds of events and messages that this one lacks.
    #[error("these bytes say what this duroxide does not know: {0}; update it")]
    Content(#[source] ContentError),
    /// They hold another number of events than their envelope says.
    #[error("a history chunk holds {found} events and should hold {declared}")]
    EventCount {
        /// What the envelope says.
        declared: u64,
        /// What there is.
        found: u64,
    },
}

impl DecodeError {
    /// Whether a later duroxide may understand the bytes: they are whole, and this one does not
    /// know what they say.
    #[must_use]
    pub fn is_newer_format(&self) -> bool {
        matches!(self, Self::NewerFormat { .. } | Self::Content(_))
    }
}

/// Encodes a value.
///
/// The values that core frames are plain structures of text and numbers, for which `serde_json`
/// cannot fail.
#[expect(clippy::expect_used, reason = "wire types have no fallible Serialize")]
pub(crate) fn encode(value: &impl Serialize) -> Bytes {
    let mut bytes = Vec::with_capacity(TYPICAL_BYTES);
    bytes.extend_from_slice(&[MARK, VERSION, 0, 0, 0, 0]);
    serde_json::to_writer(&mut bytes, value).expect("wire types serialise");
    sealed(bytes)
}

/// Puts a frame around JSON from elsewhere.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn around(json: &[u8]) -> Bytes {
    sealed([&[MARK, VERSION, 0, 0, 0, 0], json].concat())
}

/// Enters the checksum.
fn sealed(mut bytes: Vec<u8>) -> Bytes {
    let checksum = crc32fast::hash(&bytes[HEADER_BYTES..]);
    bytes[2..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    if bytes.len() > TYPICAL_BYTES {
        bytes.into()
    } else {
        // What is kept holds no room that nobody fills.
        Bytes::copy_from_slice(&bytes)
    }
}

/// Decodes what [`encode`] made.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (&[mark, version, c0, c1, c2, c3], json) = bytes
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(DecodeError::NotOurs)?;
    if mark != MARK {
        return Err(DecodeError::NotOurs);
    }
    if version != VERSION {
        return Err(DecodeError::NewerFormat { version });
    }
    if crc32fast::hash(json) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(DecodeError::Damaged);
    }
    serde_json::from_slice(json).map_err(|error| DecodeError::Content(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded_and_what_was_altered_is_refused() {
        let bytes = encode(&vec!["a", "b"]);
        assert_eq!(decode::<Vec<String>>(&bytes).unwrap(), ["a", "b"]);
        for index in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[index] ^= 1;
            assert!(decode::<Vec<String>>(&damaged).is_err(), "byte {index}");
            assert!(
                decode::<Vec<String>>(&bytes[..index]).is_err(),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn an_error_does_not_repeat_what_was_read() {
        let secrets = serde_json::json!(["hunter2", { "hunter2": "hunter2" }, 7]);
        for secret in secrets.as_array().unwrap() {
            let error = decode::<crate::message::Output>(&encode(secret)).unwrap_err();
            let source = std::error::Error::source(&error).unwrap();
            assert!(
                error.to_string().contains("not what this duroxide writes"),
                "{error}"
            );
            for text in [format!("{error:?}"), error.to_string(), source.to_string()] {
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
    }

    #[test]
    fn a_later_format_is_told_from_damage() {
        let mut later = encode(&1).to_vec();
        later[1] = 2;
        assert!(decode::<u8>(&later).unwrap_err().is_newer_format());
    }
}
