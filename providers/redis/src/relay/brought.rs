//! What a relay has done, and what of it somebody should know.

use std::collections::HashSet;

use duroxide_core::providers::InstanceId;
use duroxide_core::providers::watchers::Changes;

use super::place::{Link, Position};
use super::way::Way;
use super::wire::{Batch, Delivered, Seen, Start};

/// What a relay has done.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// Where it has left the target.
    pub(crate) seen: Option<Seen>,
    /// The entries that nobody was there to receive.
    pub(crate) dropped: HashSet<Link>,
}

impl Brought {
    /// Takes in what became of a batch, and makes it known.
    pub(crate) fn add(
        &mut self,
        way: &Way,
        position: Position,
        batch: &Batch,
        delivered: &Delivered,
    ) {
        if !delivered.fits {
            return;
        }
        let dropped = delivered.dropped.iter();
        let dropped = dropped.filter_map(|place| batch.entries.get(*place));
        self.dropped.extend(dropped.map(|entry| entry.1));
        let changed = delivered.changed.iter();
        let changed = changed.filter_map(|id| InstanceId::new(id.as_str()).ok());
        let changes: Changes = changed.map(|id| (id, None)).collect();
        way.setup.hub.watchers.wake(changes);
        log(way, position, batch, delivered);
    }
}

fn log(way: &Way, position: Position, batch: &Batch, delivered: &Delivered) {
    let (source, target) = (way.source.index, way.target.index);
    let applied = delivered.applied;
    tracing::trace!(target: "duroxide::redis", source, target, applied, "messages were brought");
    if batch.start == Start::Over {
        tracing::error!(
            target: "duroxide::redis", source, target, stood = ?position, begins = ?batch.from,
            "two partitions have lost more than `relay_window`: messages between them are lost or come twice; \
             a failover took longer than that, or one of the two was restored"
        );
    }
    for failed in &delivered.failed {
        tracing::error!(
            target: "duroxide::redis", source, target, failed,
            "a message was dropped: what is stored of its receiver is damaged"
        );
    }
    let dropped = delivered.dropped.len();
    if dropped > 0 {
        tracing::debug!(
            target: "duroxide::redis", source, target, dropped,
            "messages to instances that are not there were dropped"
        );
    }
    let ghosts = &delivered.ghosts;
    for instance in &ghosts.marked {
        tracing::warn!(
            target: "duroxide::redis", source, target, %instance,
            "a failover has lost the turn that started this instance, which has begun: it tells its parent \
             nothing, unless that starts it again"
        );
    }
    for instance in &ghosts.consumed {
        tracing::warn!(
            target: "duroxide::redis", source, target, %instance,
            "a failover has lost a turn whose message this instance has taken already"
        );
    }
    let taken_back = ghosts.messages.len() + ghosts.instances.len();
    if taken_back > 0 {
        tracing::info!(
            target: "duroxide::redis", source, target, taken_back,
            "a failover has lost the turns that sent these messages, which are taken back"
        );
    }
}
