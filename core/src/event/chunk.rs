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
