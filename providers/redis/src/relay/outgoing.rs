//! What a commit has sent to other partitions: it is brought there at once, and the commit waits for that for a
//! while, so that who is told of it finds its messages where they belong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::Commit;
use futures_util::future::join_all;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::place::{Link, Place};
use super::sent::{Dropped, Posted};
use super::way::Way;
use super::wire::Entry;
use crate::codec;
use crate::codes::millis;
use crate::message::EnvelopeRequest;
use crate::partition::Partition;
use crate::setup::Setup;

/// How long a commit waits until its messages are where they belong. They are durable already.
const RELAY_WAIT_MAX: Duration = Duration::from_secs(1);

/// What a script has appended for a partition: which one, behind which place, and the entries.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent(usize, Place, Vec<SentEntry>);

/// The member of the batch that sends it, its place among the messages of that, and its link.
#[derive(Debug, Clone, Copy, Deserialize)]
struct SentEntry(usize, usize, Link);

/// What was sent to one partition, on its way there.
struct Outgoing {
    /// The members of the batch that have sent it.
    members: BTreeSet<usize>,
    entries: Vec<SentEntry>,
    dropped: oneshot::Receiver<Dropped>,
}

/// What was sent to other partitions.
pub(crate) struct AllOutgoing(Vec<Outgoing>);

impl AllOutgoing {
    /// Has what the members of a batch have sent brought to where it belongs, and what lies there for those
    /// partitions to which members, by their places, have sent something before.
    pub(crate) fn post(
        setup: &Arc<Setup>,
        source: &Arc<Partition>,
        operations: &[&Commit],
        sent: Vec<Sent>,
        repeated: BTreeMap<usize, BTreeSet<usize>>,
    ) -> Self {
        if !sent.is_empty() {
            setup
                .rounds
                .keeps(source.index, setup.access.options.clock.elapsed());
        }
        let each = sent
            .into_iter()
            .filter_map(|Sent(target, before, entries)| {
                let way = Way {
                    setup: Arc::clone(setup),
                    source: Arc::clone(source),
                    target: Arc::clone(setup.partitions.get(target)?),
                };
                let posted = entries.iter().map(|entry| entry.of(operations));
                // What cannot be made again is taken from the source.
                let posted = posted.collect::<Option<_>>().unwrap_or_default();
                let posted = Posted {
                    before,
                    entries: posted,
                };
                let dropped = setup.ways.post(way, Some(posted));
                let members = entries.iter().map(|entry| entry.0).collect();
                Some(Outgoing {
                    members,
                    entries,
                    dropped,
                })
            });
        let mut all: Vec<Outgoing> = each.collect();
        // What was sent before, whose answer was lost, may lie there still.
        all.extend(repeated.into_iter().filter_map(|(target, members)| {
            let way = Way {
                setup: Arc::clone(setup),
                source: Arc::clone(source),
                target: Arc::clone(setup.partitions.get(target)?),
            };
            Some(Outgoing {
                members,
                entries: Vec::new(),
                dropped: setup.ways.post(way, None),
            })
        }));
        Self(all)
    }

    /// The members of the batch that wait for something.
    pub(crate) fn members(&self) -> BTreeSet<usize> {
        self.0.iter().flat_map(|it| &it.members).copied().collect()
    }

    /// Waits until all is there, but not for long, and answers the members of those entries that nobody was
    /// there to receive. Where that is not known yet, they are not among them.
    pub(crate) async fn dropped(self) -> Vec<usize> {
        let each = self.0.into_iter().map(|outgoing| async move {
            let dropped = tokio::time::timeout(RELAY_WAIT_MAX, outgoing.dropped).await;
            let dropped = dropped.ok().and_then(Result::ok).unwrap_or_default();
            let own = outgoing.entries.into_iter();
            let own = own.filter(|entry| dropped.contains(&entry.2));
            own.map(|entry| entry.0).collect::<Vec<_>>()
        });
        join_all(each).await.concat()
    }
}

impl SentEntry {
    /// The entry as it was appended.
    fn of(self, operations: &[&Commit]) -> Option<Entry> {
        let Commit::Turn(turn) = operations.get(self.0)? else {
            return None;
        };
        let envelope = turn.messages.get(self.1)?;
        let encoded = codec::encode(&EnvelopeRequest::of(envelope)).ok()?;
        Some(Entry(millis(envelope.delay), self.2, Bytes::from(encoded)))
    }
}
