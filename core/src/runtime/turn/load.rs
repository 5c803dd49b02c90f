//! Reading and replaying what is stored.

use std::sync::Arc;

use super::code::Code;
use super::occasion::Occasion;
use super::scope::Scope;
use crate::event::{DecodeError, Entry, EventKind, decode_entries_after};
use crate::limits::HISTORY_PAGE_BYTES_MAX;
use crate::providers::{
    ErrorKind, HistoryChunk, HistoryPage, InstanceHead, ProviderError, ReadHistory,
};
use crate::replay::{Alarm, Engine, Failure};
use crate::runtime::node::Node;

/// Why a history could not be loaded.
#[derive(Debug)]
pub(super) enum LoadError {
    Store(ProviderError),
    /// A chunk of the history, or the head.
    Decode(DecodeError),
    Message(DecodeError),
}

/// The beginning of a history, or why it could not be read.
pub(in crate::runtime) type FirstPage = Result<HistoryPage, ProviderError>;

/// A history, or its end.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) entries: Vec<Entry>,
    /// How many bytes it takes.
    pub(super) bytes: usize,
    /// The mark of the commit before the first chunk.
    pub(super) after: Option<u32>,
}

/// Reads the history of a head's execution, from this event to where the head says it ends.
///
/// # Errors
/// One that ends before that, or has a gap, is not what the head belongs to: a replica lags behind, or
/// a part is lost. Code cannot be held to it.
pub(super) async fn read(
    node: &Node,
    head: &InstanceHead,
    from_event_id: u64,
) -> Result<History, LoadError> {
    history_of(&chunks(node, head, from_event_id, None).await?)
}

/// Reads the whole history of a turn's execution, and goes on from what was read ahead.
///
/// # Errors
/// As [`read`].
pub(super) async fn read_whole(node: &Node, turn: &Occasion) -> Result<History, LoadError> {
    let first_page = turn.take_first_page();
    history_of(&chunks(node, &turn.head, 1, first_page).await?)
}

/// Reads the first page of the history of a head's execution, on the runtime's own thread.
pub(in crate::runtime) async fn read_ahead(node: &Node, head: &InstanceHead) -> FirstPage {
    let page = node.store.read_history(&request(head, 1)).await;
    node.health.note("read_history", &page, &*node.clock);
    page
}

fn request(head: &InstanceHead, from_event_id: u64) -> ReadHistory {
    ReadHistory {
        instance: head.instance.clone(),
        execution: head.position.execution,
        from_event_id,
        bytes_max: HISTORY_PAGE_BYTES_MAX,
    }
}

pub(super) fn history_of(chunks: &[HistoryChunk]) -> Result<History, LoadError> {
    let mut history = History::default();
    for (index, chunk) in chunks.iter().enumerate() {
        let (entries, after) = decode_entries_after(chunk).map_err(LoadError::Decode)?;
        history.entries.extend(entries);
        history.bytes += chunk.body.len();
        if index == 0 {
            history.after = after;
        }
    }
    Ok(history)
}

/// Reads what there is of a history, for an end that goes by it: damaged parts are left out, and what
/// comes after a gap.
pub(super) async fn read_remains(node: &Node, turn: &Occasion) -> Vec<Entry> {
    let (chunks, _) = chunks_to_a_gap(node, &turn.head, 1, turn.take_first_page()).await;
    let entries = chunks
        .iter()
        .filter_map(|chunk| decode_entries_after(chunk).ok());
    entries.flat_map(|(entries, _)| entries).collect()
}

/// Reads what can be understood of a history, for an end that goes by it: damaged parts are left out.
///
/// # Errors
/// The store's, and those of parts that a later version wrote, which can be understood there.
pub(super) async fn read_readable(node: &Node, turn: &Occasion) -> Result<Vec<Entry>, LoadError> {
    let mut entries = Vec::new();
    for chunk in &chunks(node, &turn.head, 1, turn.take_first_page()).await? {
        match decode_entries_after(chunk) {
            Ok((decoded, _)) => entries.extend(decoded),
            Err(error) if error.is_newer_format() => return Err(LoadError::Decode(error)),
            Err(_) => {}
        }
    }
    Ok(entries)
}

async fn chunks(
    node: &Node,
    head: &InstanceHead,
    from_event_id: u64,
    first_page: Option<FirstPage>,
) -> Result<Vec<HistoryChunk>, LoadError> {
    let (chunks, wrong) = chunks_to_a_gap(node, head, from_event_id, first_page).await;
    match wrong {
        None => Ok(chunks),
        Some(error) => Err(LoadError::Store(error)),
    }
}

/// The chunks up to where the head says the history ends, or up to where something is wrong.
async fn chunks_to_a_gap(
    node: &Node,
    head: &InstanceHead,
    from_event_id: u64,
    mut first_page: Option<FirstPage>,
) -> (Vec<HistoryChunk>, Option<ProviderError>) {
    let end = head.position.next_event_id;
    let mut request = request(head, from_event_id);
    let mut chunks = Vec::new();
    while request.from_event_id < end {
        let page = match first_page.take() {
            Some(page) => page,
            None => read_page(node, request.clone()).await,
        };
        let page = match page {
            Ok(page) => page,
            Err(error) => return (chunks, Some(error)),
        };
        for chunk in page.chunks {
            if chunk.first_event_id != request.from_event_id || chunk.next_event_id() > end {
                let found = chunk.next_event_id();
                return (chunks, Some(inconsistent(head, found)));
            }
            request.from_event_id = chunk.next_event_id();
            chunks.push(chunk);
            if request.from_event_id == end {
                // Whatever follows came after the head; the fence sees to that.
                return (chunks, None);
            }
        }
        if !page.more {
            break;
        }
    }
    if request.from_event_id >= end {
        return (chunks, None);
    }
    (chunks, Some(inconsistent(head, request.from_event_id)))
}

pub(super) async fn read_page(
    node: &Node,
    request: ReadHistory,
) -> Result<HistoryPage, ProviderError> {
    let store = Arc::clone(&node.store);
    let read = node.on_service(async move { store.read_history(&request).await });
    let page = read.await.unwrap_or_else(|| {
        Err(ProviderError::new(
            ErrorKind::Unavailable,
            "read_history",
            "the runtime has stopped",
        ))
    });
    node.health.note("read_history", &page, &*node.clock);
    page
}

fn inconsistent(head: &InstanceHead, found: u64) -> ProviderError {
    let error = ProviderError::new(
        ErrorKind::Corrupt,
        "read_history",
        "the history does not end where the instance's head says; look whether a replica is read, \
         or a part was lost",
    );
    error
        .with_context("instance", &head.instance)
        .with_context("execution", head.position.execution)
        .with_context("expected", head.position.next_event_id)
        .with_context("found", found)
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
pub(super) fn first_input(entries: &[Entry]) -> String {
    match entries.first().map(|entry| &entry.kind) {
        Some(EventKind::OrchestrationStarted { input, .. }) => input.clone(),
        _ => String::new(),
    }
}
