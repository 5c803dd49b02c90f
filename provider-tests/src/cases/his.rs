//! History.

use bytes::Bytes;
use duroxide_core::providers::{
    ErrorKind, ExecutionStatus, ExecutionUpdate, HistoryChunk, HistoryPage, ReadHistory,
};

use crate::support::{Cx, id};

/// A running instance with a history of a dozen chunks, of 1 to 12 events and 100 bytes each.
async fn with_history(cx: &Cx) -> Vec<HistoryChunk> {
    let mut chunks: Vec<HistoryChunk> = Vec::new();
    for number in 1..=12_u8 {
        chunks.push(HistoryChunk {
            first_event_id: chunks.last().map_or(1, HistoryChunk::next_event_id),
            event_count: number.into(),
            body: Bytes::from(vec![number; 100]),
        });
    }
    cx.apply(cx.creation("a").execution(append(&chunks[0])))
        .await;
    for chunk in &chunks[1..] {
        let turn = cx.poke_and_claim("a").await;
        cx.apply(cx.turn(&turn).execution(append(chunk))).await;
    }
    chunks
}

fn append(chunk: &HistoryChunk) -> ExecutionUpdate {
    ExecutionUpdate {
        execution: 1,
        chunk: Some(chunk.clone()),
        status: ExecutionStatus::Running,
        output: None,
    }
}

async fn read(cx: &Cx, from_event_id: u64, bytes_max: usize) -> HistoryPage {
    let request = ReadHistory {
        instance: id("a"),
        execution: 1,
        from_event_id,
        bytes_max,
    };
    let page = cx.provider().read_history(&request).await;
    page.expect("a history can be read")
}

/// A dozen chunks, in order, each byte as it was written.
pub(crate) async fn a_history_is_read_in_order(cx: &Cx) {
    let chunks = with_history(cx).await;

    let page = read(cx, 1, 1 << 20).await;

    assert_eq!(page.chunks, chunks);
    assert!(!page.more);
}

/// Pages stop before the limit, hold one chunk at least, and together are the whole.
pub(crate) async fn a_history_is_read_page_by_page(cx: &Cx) {
    let chunks = with_history(cx).await;
    for (bytes_max, chunks_a_page) in [(1, 1), (100, 1), (199, 1), (200, 2), (1_199, 11)] {
        let mut read_so_far = Vec::new();
        let mut from = 1;
        loop {
            let page = read(cx, from, bytes_max).await;
            let left = chunks.len() - read_so_far.len();
            assert_eq!(
                page.chunks.len(),
                left.min(chunks_a_page),
                "of {bytes_max} bytes"
            );
            read_so_far.extend(page.chunks);
            assert_eq!(page.more, read_so_far.len() < chunks.len());
            from = read_so_far.last().unwrap().next_event_id();
            if !page.more {
                break;
            }
        }
        assert_eq!(read_so_far, chunks);
    }
}

/// From each event on, the page begins with the chunk that holds it.
pub(crate) async fn a_history_is_read_from_an_event(cx: &Cx) {
    let chunks = with_history(cx).await;
    let end = chunks.last().unwrap().next_event_id();
    for event_id in 1..end {
        let page = read(cx, event_id, 1).await;
        let first = &page.chunks[0];
        let holds = (first.first_event_id..first.next_event_id()).contains(&event_id);
        assert!(holds, "{event_id} is not in {first:?}");
    }
}

/// Behind the last event there is nothing.
pub(crate) async fn a_read_behind_the_end_is_empty(cx: &Cx) {
    let chunks = with_history(cx).await;
    let end = chunks.last().unwrap().next_event_id();

    for event_id in [end, end + 100] {
        assert_eq!(read(cx, event_id, 1_000).await, HistoryPage::default());
    }
}

/// No such instance, no such execution, no event yet: all read as empty.
pub(crate) async fn what_does_not_exist_reads_as_empty(cx: &Cx) {
    assert_eq!(cx.history("nobody", 1).await, []);
    cx.start("a").await;
    assert_eq!(cx.history("a", 1).await, []);
    assert_eq!(cx.history("a", 0).await, []);
    assert_eq!(cx.history("a", 2).await, []);
    assert_eq!(cx.provider().read("nobody").await.expect("empty"), []);
}

/// A chunk that overlaps the end or leaves a gap is refused, in this execution and in the next.
pub(crate) async fn a_chunk_begins_at_the_end(cx: &Cx) {
    let chunks = with_history(cx).await;
    let end = chunks.last().unwrap().next_event_id();
    let turn = cx.poke_and_claim("a").await;
    let before = cx.view(&["a"]).await;
    let chunk = |first_event_id| HistoryChunk {
        first_event_id,
        event_count: 1,
        body: Bytes::new(),
    };

    for first_event_id in [1, end - 1, end + 1] {
        let commit = cx.turn(&turn).execution(append(&chunk(first_event_id)));
        cx.refuse(commit, ErrorKind::InvalidInput).await;
    }
    let next = ExecutionUpdate {
        execution: 2,
        ..append(&chunk(2))
    };
    let commit = cx
        .turn(&turn)
        .append(1)
        .end(ExecutionStatus::ContinuedAsNew, None);
    cx.refuse(commit.execution(next), ErrorKind::InvalidInput)
        .await;

    assert_eq!(cx.view(&["a"]).await, before);
    cx.apply(cx.turn(&turn).append(1)).await;
}

/// An execution takes as many events as declared and not one more; the next begins anew.
pub(crate) async fn a_history_has_a_cap(cx: &Cx) {
    let cap = cx.limits().history_events_max;
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    let error = cx
        .refuse(cx.turn(&turn).append(cap + 1), ErrorKind::LimitExceeded)
        .await;
    let text = format!("{error:?}");
    assert!(text.contains("history_events_max"), "which limit? {text}");
    cx.apply(cx.turn(&turn).append(cap)).await;

    let turn = cx.poke_and_claim("a").await;
    cx.refuse(cx.turn(&turn).append(1), ErrorKind::LimitExceeded)
        .await;
    cx.apply(cx.turn(&turn).executions(vec![ended()]).next(cap))
        .await;

    assert_eq!(cx.position("a").await.next_event_id, cap + 1);
    assert_eq!(cx.history("a", 1).await[0].event_count, cap);
}

/// The end of execution 1 without an event.
fn ended() -> ExecutionUpdate {
    ExecutionUpdate {
        execution: 1,
        chunk: None,
        status: ExecutionStatus::ContinuedAsNew,
        output: None,
    }
}

/// Bytes that are no history are kept as they are, and core says so when it reads them.
pub(crate) async fn damaged_bytes_are_handed_out(cx: &Cx) {
    let damaged = Bytes::from_static(b"\x00\xffnot a history'\"");
    cx.apply(cx.creation("a").append_bytes(1, damaged.clone()))
        .await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append_bytes(1, Bytes::new())).await;

    let history = cx.history("a", 1).await;

    let bodies: Vec<_> = history.into_iter().map(|chunk| chunk.body).collect();
    assert_eq!(bodies, [damaged, Bytes::new()]);
    let error = cx.provider().read("a").await.expect_err("it is no history");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

/// A chunk without an event is refused, alone, in the next execution, and at birth.
pub(crate) async fn a_chunk_is_not_empty(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let before = cx.view(&["a"]).await;

    cx.refuse(cx.turn(&turn).append(0), ErrorKind::InvalidInput)
        .await;
    let ended = cx.turn(&turn).append(1);
    let ended = ended.end(ExecutionStatus::ContinuedAsNew, None);
    cx.refuse(ended.next(0), ErrorKind::InvalidInput).await;
    cx.refuse(cx.creation("b").append(0), ErrorKind::InvalidInput)
        .await;

    assert_eq!(cx.view(&["a"]).await, before);
    assert_eq!(cx.head_if_any("b").await, None);
    cx.apply(cx.turn(&turn).append(1)).await;
}
