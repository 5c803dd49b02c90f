//! What waiters know without asking the database.
//!
//! The writer thread publishes what its transactions did, in their order and after each commit.
//! From that the hub knows for each queue the earliest time at which a claim can return something;
//! a waiter registers first and looks afterwards, so that nothing happens between the two unseen.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use duroxide_core::providers::watchers::{Changes, Watchers};
use duroxide_core::providers::{InstanceHead, InstanceId, ProviderError, Queues};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::error;

/// Stands for a time that has to be asked of the database.
pub(crate) const UNKNOWN_MS: u64 = 0;
/// A time that does not come.
pub(crate) const NEVER_MS: u64 = u64::MAX;

/// A queue that claims are made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Queue {
    Turns(Arc<str>),
    Activities(Arc<str>),
}

impl Queue {
    pub(crate) fn name(&self) -> &Arc<str> {
        match self {
            Self::Turns(name) | Self::Activities(name) => name,
        }
    }
}

/// What a transaction did, as far as waiters are concerned.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Something of the queue becomes claimable at this time, others perhaps sooner.
    DueBy(Queue, u64),
    /// Nothing of the queue is claimable before this time.
    NothingBefore(Queue, u64),
    /// The head of the instance is another one now: this one, where that is known.
    HeadChanged(InstanceId, Option<Box<InstanceHead>>),
}

#[derive(Debug, Default)]
pub(crate) struct Hub {
    closed: watch::Sender<bool>,
    dues: Mutex<Dues>,
    work: Notify,
    pub(crate) watchers: Arc<Watchers>,
}

/// When a claim can return something. What is not known counts as due, and the first waiter asks.
#[derive(Debug, Default)]
struct Dues(HashMap<Queue, u64>);

impl Hub {
    /// Makes known what a committed transaction did.
    pub(crate) fn publish(&self, effects: &mut Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        let mut is_sooner = false;
        let mut changed = Changes::new();
        {
            let mut dues = self.dues.lock();
            for effect in effects.drain(..) {
                match effect {
                    Effect::DueBy(queue, at_ms) => is_sooner |= dues.lower(&queue, at_ms),
                    Effect::NothingBefore(queue, at_ms) => is_sooner |= dues.set(queue, at_ms),
                    Effect::HeadChanged(instance, head) => {
                        changed.insert(instance, head);
                    }
                }
            }
        }
        if is_sooner {
            self.work.notify_waiters();
        }
        if !changed.is_empty() {
            self.watchers.wake(changed);
        }
    }

    /// Forgets what is known: it is not certain what the last transaction did.
    pub(crate) fn forget(&self) {
        *self.dues.lock() = Dues::default();
        self.work.notify_waiters();
        self.watchers.wake_where(|_| true);
    }

    /// Before when no claim of one of these queues returns anything; [`NEVER_MS`] if nothing is
    /// known to come, [`UNKNOWN_MS`] if that has to be asked.
    pub(crate) fn due_ms(&self, queues: &Queues) -> u64 {
        let dues = self.dues.lock();
        let known_ms = |queue| dues.0.get(&queue).copied().unwrap_or(UNKNOWN_MS);
        let earliest_ms = each(queues).map(known_ms).min();
        earliest_ms.unwrap_or(NEVER_MS)
    }

    /// Is notified when something becomes claimable sooner than was known.
    pub(crate) fn work(&self) -> &Notify {
        &self.work
    }

    /// Ends all waiting.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Waits until everything is closed.
    pub(crate) async fn closed(&self) {
        // It fails only once the hub is gone, which its borrower excludes.
        self.closed
            .subscribe()
            .wait_for(|closed| *closed)
            .await
            .ok();
    }

    pub(crate) fn check_open(&self, operation: &'static str) -> Result<(), ProviderError> {
        if *self.closed.borrow() {
            Err(error::closed(operation))
        } else {
            Ok(())
        }
    }
}

/// Each of these queues.
pub(crate) fn each(queues: &Queues) -> impl Iterator<Item = Queue> {
    let turns = queues
        .turns
        .iter()
        .map(|it| Queue::Turns(Arc::clone(&it.0)));
    let activities = queues.activities.iter();
    turns.chain(activities.map(|it| Queue::Activities(Arc::clone(&it.0))))
}

impl Dues {
    /// Answers whether the queue is due sooner than before.
    fn lower(&mut self, queue: &Queue, at_ms: u64) -> bool {
        // Nothing is known of another queue, so that it counts as due already.
        let Some(known_ms) = self.0.get_mut(queue) else {
            return false;
        };
        let is_sooner = at_ms < *known_ms;
        *known_ms = at_ms.min(*known_ms);
        is_sooner
    }

    /// Answers whether the queue is due sooner than before.
    fn set(&mut self, queue: Queue, at_ms: u64) -> bool {
        let known_ms = self.0.entry(queue).or_default();
        at_ms < mem::replace(known_ms, at_ms)
    }
}

#[cfg(test)]
mod tests {
    use duroxide_core::providers::TaskQueue;

    use super::*;

    fn publish(hub: &Hub, effect: Effect) {
        hub.publish(&mut vec![effect]);
    }

    #[test]
    fn a_queue_is_due_until_a_claim_has_found_nothing_and_again_when_something_comes() {
        let hub = Hub::default();
        let name: Arc<str> = Arc::from("gpu");
        let queue = Queue::Activities(Arc::clone(&name));
        let queues = Queues {
            turns: Vec::new(),
            activities: vec![TaskQueue(name)],
        };
        publish(&hub, Effect::DueBy(queue.clone(), 7));
        assert_eq!(hub.due_ms(&queues), 0);
        publish(&hub, Effect::NothingBefore(queue.clone(), NEVER_MS));
        assert_eq!(hub.due_ms(&queues), NEVER_MS);
        publish(&hub, Effect::DueBy(Queue::Turns(Arc::from("gpu")), 3));
        assert_eq!(hub.due_ms(&queues), NEVER_MS);
        publish(&hub, Effect::DueBy(queue.clone(), 7));
        publish(&hub, Effect::DueBy(queue, 9));
        assert_eq!(hub.due_ms(&queues), 7);
        hub.forget();
        assert_eq!(hub.due_ms(&queues), 0);
    }
}
