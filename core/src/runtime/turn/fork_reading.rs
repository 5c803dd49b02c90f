//! How far the history of a source has been read.

use crate::message::CoreState;
use crate::providers::{HistoryChunk, HistoryPage, InstanceHead};

/// What was read of a history, page by page.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) chunks: Vec<HistoryChunk>,
    /// The event that comes next.
    pub(super) next: u64,
    bytes: usize,
    /// The first event that is not needed.
    end: u64,
    bytes_max: usize,
}

impl Reading {
    /// Nothing yet, of a history that is needed up to this event. More bytes than that are not copied, and
    /// so not read.
    pub(super) fn up_to(end: u64, bytes_max: usize) -> Self {
        Self {
            chunks: Vec::new(),
            next: 1,
            bytes: 0,
            end,
            bytes_max,
        }
    }

    /// Whether more of it is needed.
    pub(super) fn is_wanting(&self) -> bool {
        self.next < self.end && self.bytes <= self.bytes_max
    }

    /// Takes a page in, and answers whether to read the next one: not behind a gap, where the store would
    /// answer with the same page for ever.
    pub(super) fn take(&mut self, page: HistoryPage) -> bool {
        let began_at = self.next;
        for chunk in page.chunks {
            if !self.is_wanting() || chunk.first_event_id != self.next {
                return false;
            }
            self.next = chunk.next_event_id();
            self.bytes += chunk.body.len();
            self.chunks.push(chunk);
        }
        page.more && self.next > began_at && self.is_wanting()
    }
}

/// Why an execution of this source can never be copied, of which nothing was found or something.
pub(super) fn obstacle(
    source: &InstanceHead,
    execution: u64,
    is_empty: bool,
) -> Option<&'static str> {
    if source.position.execution != execution {
        return is_empty.then_some("that execution was pruned");
    }
    CoreState::has_lost_its_start(&source.core_state).then_some(
        "it was ended before its code began, and with what it was to begin is not known any more",
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::event::{Entry, EventKind, encode_chunk};
    use crate::providers::{Incarnation, InstanceId, NewInstance};

    fn page(firsts: &[u64], more: bool) -> HistoryPage {
        let chunk = |first: &u64| {
            let entry = |event_id| Entry {
                event_id,
                source_event_id: None,
                timestamp_ms: 0,
                message_id: None,
                kind: EventKind::TimerFired { fire_at_ms: 0 },
            };
            encode_chunk(&[entry(*first), entry(first + 1)]).expect("it has events")
        };
        HistoryPage {
            chunks: firsts.iter().map(chunk).collect(),
            more,
        }
    }

    #[test]
    fn a_history_is_read_up_to_where_it_is_needed() {
        let mut reading = Reading::up_to(6, usize::MAX);
        assert!(reading.take(page(&[1, 3], true)));
        assert!(!reading.take(page(&[5, 7], true)));
        assert_eq!((reading.next, reading.chunks.len()), (7, 3));
        let mut short = Reading::up_to(6, usize::MAX);
        assert!(!short.take(page(&[1], false)));
        assert!(short.is_wanting());
        let mut large = Reading::up_to(6, 1);
        assert!(!large.take(page(&[1, 3], true)));
        assert_eq!(large.chunks.len(), 1);
    }

    /// Whoever asked for more would be given the same.
    #[test]
    fn nothing_is_read_behind_a_gap() {
        for gap in [page(&[5], true), page(&[3, 7], true), page(&[], true)] {
            let mut reading = Reading::up_to(u64::MAX, usize::MAX);
            assert!(reading.take(page(&[1], true)));
            assert!(!reading.take(gap));
            assert!(reading.is_wanting());
        }
    }

    /// The history of such an execution says that it began with nothing.
    #[test]
    fn what_has_lost_its_start_is_not_copied() {
        let id = InstanceId::new("s").unwrap();
        let mut head = InstanceHead::new(
            NewInstance::new(id, "Order"),
            Incarnation(Uuid::from_u128(1)),
            0,
        );
        head.position.execution = 2;
        let why = |head: &InstanceHead, execution, is_empty| {
            obstacle(head, execution, is_empty).unwrap_or_default()
        };
        assert_eq!(why(&head, 2, false), "");
        assert_eq!(why(&head, 1, false), "");
        assert_eq!(why(&head, 1, true), "that execution was pruned");
        let lost = CoreState {
            start_is_lost: true,
            ..CoreState::default()
        };
        head.core_state = lost.encode();
        assert!(why(&head, 2, false).contains("is not known any more"));
        assert_eq!(why(&head, 1, false), "", "that one has begun");
    }
}
