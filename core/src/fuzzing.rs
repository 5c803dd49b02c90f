//! What `fuzz/` reaches of what is private. Not part of the public interface.

use std::fmt::{self, Debug};

use bytes::Bytes;
use uuid::Uuid;

use crate::OrchestrationContext;
use crate::event::{Entry, EventKind};
use crate::frame::{self, DecodeError};
use crate::message::{ActivityBody, CoreState, MessageBody, Output, ValueBody};
use crate::replay::{Engine, Identity, Input, Journal, Moment, Root};

/// A wire type: decodes bytes, and checks that the value survives being encoded again.
pub type RoundTrip = fn(&[u8]) -> Result<(), DecodeError>;

/// Every wire type that is framed, besides the chunks of history.
pub const BODIES: &[RoundTrip] = &[
    |bytes| round_trip(bytes, MessageBody::decode, MessageBody::encode),
    |bytes| round_trip(bytes, ActivityBody::decode, ActivityBody::encode),
    |bytes| round_trip(bytes, CoreState::decode, CoreState::encode),
    |bytes| round_trip(bytes, Output::decode, Output::encode),
    |bytes| round_trip(bytes, ValueBody::decode, ValueBody::encode),
];

fn round_trip<T: Debug + PartialEq>(
    bytes: &[u8],
    decode: fn(&[u8]) -> Result<T, DecodeError>,
    encode: fn(&T) -> Bytes,
) -> Result<(), DecodeError> {
    let value = decode(bytes)?;
    let encoded = encode(&value);
    let again = decode(&encoded)?;
    assert_eq!(value, again, "what was decoded is encoded as another value");
    assert_eq!(encoded, encode(&again), "an encoding depends on chance");
    Ok(())
}

/// Puts the frame around JSON that [`decode_entries`](crate::event::decode_entries) and
/// [`BODIES`] look for.
#[must_use]
pub fn framed(json: &[u8]) -> Bytes {
    frame::around(json)
}

/// A run of an orchestration's code on the engine, without a runtime.
pub struct Run(Engine);

impl Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Run {
    /// Code that has had no input yet.
    #[must_use]
    pub fn new<C, F>(events_max: u64, code: C) -> Self
    where
        C: FnOnce(OrchestrationContext) -> F,
        F: Future<Output = Result<String, String>> + Send + 'static,
    {
        let identity = Identity {
            instance: "fuzzed".to_owned(),
            incarnation: Uuid::nil(),
            execution: 1,
            orchestration: "Fuzzed".to_owned(),
            version: "1.0.0".to_owned(),
        };
        let journal = Journal::new(identity, events_max);
        let root: Root = Box::pin(code(OrchestrationContext::on(&journal)));
        Self(Engine::new(journal, root))
    }

    /// Takes the steps that a history records.
    ///
    /// # Errors
    /// The text of the failure.
    pub fn replay(&mut self, history: Vec<Entry>) -> Result<(), String> {
        self.0
            .replay(history)
            .map_err(|failure| failure.to_string())
    }

    /// Takes a live step at this time, and returns what it appends.
    pub fn step(
        &mut self,
        kind: EventKind,
        source_event_id: Option<u64>,
        message_id: Option<Uuid>,
        now_ms: u64,
    ) -> Vec<Entry> {
        let input = Input {
            kind,
            source_event_id,
            message_id,
        };
        let seed = u128::from(now_ms);
        self.0.step(&input, Moment { now_ms, seed });
        self.0.harvest().entries
    }

    /// Why the run ended, if it did not end by itself.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.0.failure().map(ToString::to_string)
    }

    /// Whether the run has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.end().is_some()
    }

    /// The id that the next event will have.
    #[must_use]
    pub fn next_event_id(&self) -> u64 {
        self.0.next_event_id()
    }
}
