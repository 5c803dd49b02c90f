//! The topics that an instance awaits, as a value in its row.
//!
//! Each name follows its length in two bytes: a claim reads them, and a name may hold any character.

use duroxide_core::providers::Topic;
use rusqlite::Row;
use rusqlite::types::FromSqlError;

use crate::head::unreadable;

/// How many bytes the length of a name takes. All names together stay below what it can say (LIM-04).
const LENGTH_BYTES: usize = 2;

/// The value of the column, NULL where nothing is awaited.
pub(crate) fn encode(topics: &[Topic]) -> Option<Vec<u8>> {
    if topics.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for topic in topics {
        let name = topic.as_str();
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend(name.as_bytes());
    }
    Some(bytes)
}

/// Reads the topics from this column.
pub(crate) fn of_row(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Topic>> {
    let bytes = row.get_ref(column)?.as_bytes_or_null();
    let bytes = bytes.map_err(|error| unreadable(column, error))?;
    decode(bytes.unwrap_or_default())
        .ok_or_else(|| unreadable(column, FromSqlError::Other("no list of topics".into())))
}

fn decode(mut bytes: &[u8]) -> Option<Vec<Topic>> {
    let mut topics = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (name, rest) = rest.split_at_checked(length)?;
        topics.push(Topic::from(std::str::from_utf8(name).ok()?));
        bytes = rest;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_read_back_whatever_they_are_called() {
        let topics = ["", "t", "t\u{0}ü", &"x".repeat(1_024)].map(Topic::from);
        let bytes = encode(&topics).unwrap();
        assert_eq!(decode(&bytes).unwrap(), topics);
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(encode(&[]), None);
        assert_eq!(decode(&[]), Some(Vec::new()));
    }
}
