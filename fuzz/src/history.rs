//! Chunks of history, and the engine that is fed with what they hold.

use bytes::Bytes;
use duroxide_core::event::{DecodeError, Entry, decode_chunk, decode_entries, encode_chunk};
use duroxide_core::providers::{HistoryChunk, InstanceId};

use crate::bodies::{check_error, reframed};
use crate::replay::check_replay;

/// Where a chunk may say that it begins, up to where no event can follow.
const FIRST_EVENT_IDS: &[u64] = &[1, 0, u64::MAX - 1, u64::MAX];

/// Code that decides nothing, and code that decides one of everything.
const PROGRAMS: &[&[u8]] = &[&[], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]];

/// Decodes as they are, and once more with the checksum put right; replays what that yields.
pub(crate) fn run(bytes: &[u8]) {
    for body in [Bytes::copy_from_slice(bytes), reframed(bytes)] {
        for first_event_id in FIRST_EVENT_IDS {
            let Some(entries) = decoded(*first_event_id, &body) else {
                continue;
            };
            for program in PROGRAMS {
                check_replay(program, &entries);
            }
        }
    }
}

fn decoded(first_event_id: u64, body: &Bytes) -> Option<Vec<Entry>> {
    let mut chunk = HistoryChunk {
        first_event_id,
        event_count: 0,
        body: body.clone(),
    };
    // The envelope says how many there are, so it is asked what it should have said.
    if let Err(DecodeError::EventCount { found, .. }) = decode_entries(&chunk) {
        chunk.event_count = found;
    }
    match decode_entries(&chunk) {
        Ok(entries) => {
            check_again(&chunk, &entries);
            Some(entries)
        }
        Err(error) => {
            check_error(&error);
            None
        }
    }
}

/// What was decoded is the same for people as for the engine, and survives being encoded again.
fn check_again(chunk: &HistoryChunk, entries: &[Entry]) {
    let Ok(instance) = InstanceId::new("fuzzed") else {
        return;
    };
    let events = decode_chunk(&instance, 1, chunk).unwrap_or_default();
    assert_eq!(events.len(), entries.len());
    for (event, entry) in events.iter().zip(entries) {
        let again = entry
            .clone()
            .into_event(&instance, 1, &event.duroxide_version);
        assert_eq!(*event, again);
    }
    if let Some(encoded) = encode_chunk(entries) {
        let again = decode_entries(&encoded).unwrap_or_default();
        assert_eq!(again, entries, "it is encoded as something else");
    }
}
