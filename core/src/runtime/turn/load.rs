//! Reading and replaying what is stored.

use std::collections::BTreeSet;

use super::code::Code;
use super::draft::Scope;
use crate::event::{DecodeError, Entry, EventKind, decode_entries};
use crate::limits::HISTORY_PAGE_BYTES_MAX;
use crate::providers::{InstanceId, Provider, ProviderError, ReadHistory};
use crate::replay::{Alarm, Engine, Failure};

/// Why a history could not be loaded.
#[derive(Debug)]
pub(super) enum LoadError {
    Store(ProviderError),
    Decode(DecodeError),
}

/// A history, and how many bytes it takes.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: usize,
}

/// Reads the whole history of one execution.
pub(super) async fn read(
    store: &dyn Provider,
    instance: &InstanceId,
    execution: u64,
) -> Result<History, LoadError> {
    let mut request = ReadHistory {
        instance: instance.clone(),
        execution,
        from_event_id: 1,
        bytes_max: HISTORY_PAGE_BYTES_MAX,
    };
    let mut history = History::default();
    loop {
        let page = store
            .read_history(&request)
            .await
            .map_err(LoadError::Store)?;
        for chunk in &page.chunks {
            history
                .entries
                .extend(decode_entries(chunk).map_err(LoadError::Decode)?);
            history.bytes += chunk.body.len();
            request.from_event_id = chunk.next_event_id();
        }
        if !page.more || page.chunks.is_empty() {
            return Ok(history);
        }
    }
}

/// Runs code through a history; the engine then stands where the history ends.
pub(super) fn replayed(
    code: &Code,
    scope: &Scope,
    events_max: u64,
    alarm: Option<Alarm>,
    entries: Vec<Entry>,
) -> Result<Engine, Failure> {
    let mut engine = code.engine(scope, first_input(&entries), events_max, alarm);
    engine.replay(entries)?;
    Ok(engine)
}

/// Replays a history for nothing but the comparison, with inputs and outputs if that is asked for.
pub(super) fn compared(
    code: &Code,
    scope: &Scope,
    events_max: u64,
    compares_inputs: bool,
    entries: Vec<Entry>,
) -> Result<(), Failure> {
    let mut engine = code.engine(scope, first_input(&entries), events_max, None);
    if compares_inputs {
        engine.compare_inputs();
    }
    engine.replay(entries)
}

/// The input that an execution began with.
fn first_input(entries: &[Entry]) -> String {
    match entries.first().map(|entry| &entry.kind) {
        Some(EventKind::OrchestrationStarted { input, .. }) => input.clone(),
        _ => String::new(),
    }
}

/// The children that a history scheduled and got no answer from: event and instance.
pub(super) fn open_children(entries: &[Entry]) -> Vec<(u64, String)> {
    let answered: BTreeSet<u64> = entries
        .iter()
        .filter(|entry| {
            matches!(
                entry.kind,
                EventKind::SubOrchestrationCompleted { .. }
                    | EventKind::SubOrchestrationFailed { .. }
            )
        })
        .filter_map(|entry| entry.source_event_id)
        .collect();
    entries
        .iter()
        .filter_map(|entry| {
            let EventKind::SubOrchestrationScheduled { instance, .. } = &entry.kind else {
                return None;
            };
            Some((entry.event_id, instance.clone()))
        })
        .filter(|(event_id, _)| !answered.contains(event_id))
        .collect()
}
