//! How much a node works on at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How many more items of one kind this node can work on.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    all: u32,
    /// Of these slots alone: where others are full, one of these that is freed brings them nothing.
    freed: Arc<Notify>,
    is_closed: AtomicBool,
    is_paused: AtomicBool,
}

/// The right to work on one item. Dropping it tells the dispatcher.
#[derive(Debug)]
pub(super) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    freed: Option<Arc<Notify>>,
}

impl Slot {
    /// Whether it is one of these.
    pub(super) fn is_of(&self, slots: &Slots) -> bool {
        let permit = self.permit.as_ref();
        permit.is_some_and(|permit| Arc::ptr_eq(permit.semaphore(), &slots.free))
    }

    /// Gives back a slot that was not used; the dispatcher need not look again for it.
    pub(super) fn give_back(mut self) {
        self.freed = None;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // First the permit, then the word: a dispatcher that wakes must find it.
        self.permit = None;
        if let Some(freed) = &self.freed {
            freed.notify_one();
        }
    }
}

impl Slots {
    pub(super) fn new(slots_max: usize) -> Self {
        let all = u32::try_from(slots_max.max(1)).unwrap_or(u32::MAX >> 4);
        Self {
            free: Arc::new(Semaphore::new(all as usize)),
            all,
            freed: Arc::default(),
            is_closed: AtomicBool::new(false),
            is_paused: AtomicBool::new(false),
        }
    }

    /// Hands out no more slots.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Hands out no slots until [`resume`](Self::resume).
    pub(super) fn pause(&self) {
        self.is_paused.store(true, Ordering::Relaxed);
    }

    /// Hands out slots again.
    pub(super) fn resume(&self) {
        self.is_paused.store(false, Ordering::Relaxed);
        self.freed.notify_one();
    }

    /// Whether it was [paused](Self::pause).
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    /// Whether those who have a slot are to begin nothing new with it.
    pub(super) fn are_withheld(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed) || self.is_paused.load(Ordering::Relaxed)
    }

    pub(super) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        (self.all as usize).saturating_sub(self.free())
    }

    /// Whether one can be taken.
    pub(super) fn has_some(&self) -> bool {
        self.free() > 0 && !self.are_withheld()
    }

    pub(super) fn try_take(&self) -> Option<Slot> {
        if self.are_withheld() {
            return None;
        }
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Slot {
            permit: Some(permit),
            freed: Some(Arc::clone(&self.freed)),
        })
    }

    /// Ends when one of any of these was freed since the last call; not at all without any.
    pub(super) async fn any_freed(all: impl Iterator<Item = &Self>) {
        let mut freed: FuturesUnordered<_> = all.map(|slots| slots.freed.notified()).collect();
        if freed.next().await.is_none() {
            std::future::pending().await
        }
    }

    /// Ends when nothing is being worked on. Takes all slots for good.
    pub(super) async fn drained(&self) {
        if let Ok(permits) = self.free.acquire_many(self.all).await {
            permits.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn is_freed(slots: &[&Slots]) -> bool {
        Slots::any_freed(slots.iter().copied())
            .now_or_never()
            .is_some()
    }

    #[test]
    fn a_freed_slot_is_news_for_those_alone_who_wait_for_its_kind() {
        let (full, other) = (Slots::new(1), Slots::new(2));
        let slot = full.try_take();
        drop(other.try_take());
        assert!(!is_freed(&[&full]));
        drop(slot);
        assert!(is_freed(&[&full]));
        assert!(!is_freed(&[&full]) && !is_freed(&[]));
        assert!(is_freed(&[&full, &other]));
    }

    #[test]
    fn an_unused_slot_is_no_news() {
        let slots = Slots::new(1);
        slots.try_take().unwrap().give_back();
        assert!(!is_freed(&[&slots]));
        assert!(slots.has_some());
    }
}
