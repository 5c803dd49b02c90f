//! The encoding of what one turn appends to one execution.

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Event};
use crate::frame::{self, DecodeError};
use crate::providers::{CommitId, HistoryChunk, InstanceId};

#[derive(Serialize)]
struct ChunkOut<'a> {
    duroxide: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u32>,
    events: &'a [Entry],
}

#[derive(Deserialize)]
struct ChunkIn {
    duroxide: String,
    #[serde(default)]
    after: Option<u32>,
    events: Vec<Entry>,
}

/// Encodes consecutive entries; `None` if there are none.
#[must_use]
pub fn encode_chunk(entries: &[Entry]) -> Option<HistoryChunk> {
    encode_chunk_after(entries, None)
}

/// The same, with the mark of the commit that the turn began from: an engine that stands there may
/// go on with these entries.
#[must_use]
pub(crate) fn encode_chunk_after(entries: &[Entry], after: Option<u32>) -> Option<HistoryChunk> {
    let first = entries.first()?;
    Some(HistoryChunk {
        first_event_id: first.event_id,
        event_count: entries.len() as u64,
        body: frame::encode(&ChunkOut {
            duroxide: env!("CARGO_PKG_VERSION"),
            after,
            events: entries,
        }),
    })
}

/// Decodes what [`encode_chunk`] made, for the engine.
///
/// # Errors
/// [`DecodeError`] says why the bytes cannot be understood.
pub fn decode_entries(chunk: &HistoryChunk) -> Result<Vec<Entry>, DecodeError> {
    decode(chunk).map(|decoded| decoded.events)
}

/// The same, with the mark of the commit that the turn began from, if it was noted.
pub(crate) fn decode_entries_after(
    chunk: &HistoryChunk,
) -> Result<(Vec<Entry>, Option<u32>), DecodeError> {
    decode(chunk).map(|decoded| (decoded.events, decoded.after))
}

/// A mark by which a commit is told from others. It has 32 bits: it guards against a store that was
/// set back under a running node, which is an accident, and fences guard against all else.
pub(crate) fn commit_mark(commit_id: CommitId) -> u32 {
    crc32fast::hash(commit_id.0.as_bytes())
}

/// Decodes what [`encode_chunk`] made, for people and diagnostics.
///
/// # Errors
/// [`DecodeError`] says why the bytes cannot be understood.
pub fn decode_chunk(
    instance: &InstanceId,
    execution: u64,
    chunk: &HistoryChunk,
) -> Result<Vec<Event>, DecodeError> {
    let ChunkIn {
        duroxide, events, ..
    } = decode(chunk)?;
    Ok(events
        .into_iter()
        .map(|entry| entry.into_event(instance, execution, &duroxide))
        .collect())
}

fn decode(chunk: &HistoryChunk) -> Result<ChunkIn, DecodeError> {
    let mut decoded: ChunkIn = frame::decode(&chunk.body)?;
    let found = decoded.events.len() as u64;
    if found != chunk.event_count {
        return Err(DecodeError::EventCount {
            declared: chunk.event_count,
            found,
        });
    }
    for (entry, offset) in decoded.events.iter_mut().zip(0..) {
        // An envelope that is wrong may say anything; no event has the id that this leads to.
        entry.event_id = chunk.first_event_id.saturating_add(offset);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;

    #[test]
    fn an_envelope_that_begins_after_every_event_is_no_panic() {
        let entry = Entry {
            event_id: u64::MAX,
            source_event_id: None,
            timestamp_ms: 0,
            message_id: None,
            kind: EventKind::TimerCreated { fire_at_ms: 0 },
        };
        let chunk = encode_chunk(&[entry.clone(), entry]).unwrap();
        let ids: Vec<u64> = decode_entries(&chunk)
            .unwrap()
            .iter()
            .map(|entry| entry.event_id)
            .collect();
        assert_eq!(ids, [u64::MAX, u64::MAX]);
    }
}
