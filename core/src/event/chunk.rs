//! The encoding of what one turn appends to one execution.

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Event};
use crate::frame::{self, DecodeError};
use crate::providers::{HistoryChunk, InstanceId};

#[derive(Serialize)]
struct ChunkOut<'a> {
    duroxide: &'static str,
    events: &'a [Entry],
}

#[derive(Deserialize)]
struct ChunkIn {
    duroxide: String,
    events: Vec<Entry>,
}

/// Encodes consecutive entries; `None` if there are none.
#[must_use]
pub fn encode_chunk(entries: &[Entry]) -> Option<HistoryChunk> {
    let first = entries.first()?;
    Some(HistoryChunk {
        first_event_id: first.event_id,
        event_count: entries.len() as u64,
        body: frame::encode(&ChunkOut {
            duroxide: env!("CARGO_PKG_VERSION"),
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

/// Decodes what [`encode_chunk`] made, for people and diagnostics.
///
/// # Errors
/// [`DecodeError`] says why the bytes cannot be understood.
pub fn decode_chunk(
    instance: &InstanceId,
    execution: u64,
    chunk: &HistoryChunk,
) -> Result<Vec<Event>, DecodeError> {
    let ChunkIn { duroxide, events } = decode(chunk)?;
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
    for (entry, event_id) in decoded.events.iter_mut().zip(chunk.first_event_id..) {
        entry.event_id = event_id;
    }
    Ok(decoded)
}
