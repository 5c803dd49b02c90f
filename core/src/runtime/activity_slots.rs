//! The slots for activities: those of each queue that has some of its own, and those that the others
//! share.

use super::rotation::Rotation;
use super::served_queues::SharedSlots;
use super::slots::Slots;
use crate::providers::TaskQueue;

/// All slots for activities of a node.
#[derive(Debug)]
pub(super) struct ActivitySlots {
    pools: Vec<Pool>,
}

/// Slots, and the queues whose activities may have them.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) queues: Rotation,
    pub(super) slots: Slots,
}

impl ActivitySlots {
    pub(super) fn new(served: Vec<SharedSlots>) -> Self {
        let pool = |it: SharedSlots| Pool {
            queues: Rotation::new(it.queues),
            slots: Slots::new(it.slots_max),
        };
        Self {
            pools: served.into_iter().map(pool).collect(),
        }
    }

    pub(super) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The slots for activities of this queue, if this node runs them.
    pub(super) fn of_queue(&self, queue: &TaskQueue) -> Option<&Slots> {
        let pool = self
            .pools
            .iter()
            .find(|pool| pool.queues.all().contains(queue));
        pool.map(|pool| &pool.slots)
    }

    /// Hands out no more slots.
    pub(super) fn close(&self) {
        self.each().for_each(Slots::close);
    }

    /// Hands out no slots until [`resume`](Self::resume).
    pub(super) fn pause(&self) {
        self.each().for_each(Slots::pause);
    }

    /// Hands out slots again.
    pub(super) fn resume(&self) {
        self.each().for_each(Slots::resume);
    }

    /// Whether those who have a slot are to begin nothing new with it.
    pub(super) fn are_withheld(&self) -> bool {
        self.each().any(Slots::are_withheld)
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.each().map(Slots::taken).sum()
    }

    /// Ends when nothing is being worked on. Takes all slots for good.
    pub(super) async fn drained(&self) {
        for slots in self.each() {
            slots.drained().await;
        }
    }

    pub(super) fn each(&self) -> impl Iterator<Item = &Slots> {
        self.pools.iter().map(|pool| &pool.slots)
    }
}

#[cfg(test)]
impl ActivitySlots {
    /// A slot for an activity of the default queue.
    pub(super) fn try_take(&self) -> Option<super::slots::Slot> {
        self.of_queue(&TaskQueue::default())?.try_take()
    }
}
