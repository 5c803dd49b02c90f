//! History as a provider sees it: chunks of bytes at positions.

use bytes::Bytes;

use super::id::InstanceId;

/// The events that one turn appended to one execution, encoded by core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryChunk {
    /// The id of the first event in it.
    pub first_event_id: u64,
    /// How many events it holds, at least one.
    pub event_count: u64,
    /// The events; opaque to the provider (HIS-07).
    pub body: Bytes,
}

impl HistoryChunk {
    /// The id after the last event in it.
    #[must_use]
    pub fn next_event_id(&self) -> u64 {
        self.first_event_id.saturating_add(self.event_count)
    }
}

/// What to read of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadHistory {
    /// Of which instance.
    pub instance: InstanceId,
    /// Of which execution.
    pub execution: u64,
    /// From the chunk that holds this event on (HIS-03).
    pub from_event_id: u64,
    /// Stop before this many bytes of bodies are passed, after one chunk at least (HIS-02).
    pub bytes_max: usize,
}

/// A part of a history, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The chunks.
    pub chunks: Vec<HistoryChunk>,
    /// Whether others follow; the next page begins at the last chunk's
    /// [`next_event_id`](HistoryChunk::next_event_id).
    pub more: bool,
}
