//! Waiting for work and for changes.
//!
//! A waiter listens first and looks afterwards, so that nothing happens between the two unheard.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::{
    Commit, Envelope, InstanceHead, InstanceId, ProviderError, Queues, ValueKey, Watch,
};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::defect::Defect;
use crate::provider::MemoryProvider;

/// Tells waiters to look again.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    /// After everything that may make an item claimable sooner.
    work: Notify,
    /// Who watches an instance. However many do, a commit wakes those that it may concern.
    watchers: Mutex<HashMap<InstanceId, Vec<Arc<Notify>>>>,
}

impl Wakes {
    /// Ends with the first thing that wakes workers from now on.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.work.notified()
    }

    pub(crate) fn wake_workers(&self) {
        self.work.notify_waiters();
    }

    /// Wakes whoever watches one of these, whose heads may have changed.
    pub(crate) fn wake_watchers(&self, changed: &[InstanceId]) {
        let watchers = self.watchers.lock();
        let concerned = changed.iter().filter_map(|id| watchers.get(id)).flatten();
        let concerned: Vec<_> = concerned.cloned().collect();
        drop(watchers);
        wake_each(&concerned);
    }

    pub(crate) fn wake_all(&self) {
        self.wake_workers();
        let all: Vec<_> = self.watchers.lock().values().flatten().cloned().collect();
        wake_each(&all);
    }

    #[cfg(test)]
    pub(crate) fn has_watchers(&self) -> bool {
        !self.watchers.lock().is_empty()
    }

    /// Hears of changes of these from now on.
    fn watch<'a>(&'a self, watched: &'a [Watch]) -> Watcher<'a> {
        let woken = Arc::new(Notify::new());
        let mut watchers = self.watchers.lock();
        for watch in watched {
            let of_instance = watchers.entry(watch.instance.clone()).or_default();
            of_instance.push(Arc::clone(&woken));
        }
        drop(watchers);
        Watcher {
            wakes: self,
            watched,
            woken,
        }
    }
}

/// Wakes them where no lock is held: an executor may drop what it cannot run, and with it a watcher.
fn wake_each(watchers: &[Arc<Notify>]) {
    for watcher in watchers {
        watcher.notify_one();
    }
}

/// One that watches instances, as long as it lives.
struct Watcher<'a> {
    wakes: &'a Wakes,
    watched: &'a [Watch],
    woken: Arc<Notify>,
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        let mut watchers = self.wakes.watchers.lock();
        for watch in self.watched {
            if let Some(of_instance) = watchers.get_mut(&watch.instance) {
                of_instance.retain(|other| !Arc::ptr_eq(other, &self.woken));
                if of_instance.is_empty() {
                    watchers.remove(&watch.instance);
                }
            }
        }
    }
}

/// The instances whose heads a batch may change: those that run a turn, and those that begin.
pub(crate) fn changed_by(operations: &[Commit]) -> Vec<InstanceId> {
    let mut changed = Vec::new();
    for operation in operations {
        match operation {
            Commit::Turn(turn) => {
                changed.push(turn.instance.clone());
                changed.extend(turn.messages.iter().filter_map(begun_by));
            }
            Commit::Send(envelope) => changed.extend(begun_by(envelope)),
            Commit::Activity(_) => {}
        }
    }
    changed
}

fn begun_by(envelope: &Envelope) -> Option<InstanceId> {
    let created = envelope.recipient.created();
    created.map(|newborn| newborn.instance.clone())
}

impl MemoryProvider {
    pub(crate) async fn wait_until_claimable(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        let mut deadline = self.options.clock.sleep(max_wait);
        loop {
            let woken = self.wakes.woken();
            let clock_ms = self.options.clock.now_ms();
            let next_due = {
                let state = self.enter("wait_for_work")?;
                let next_due_ms = state.next_due_ms(queues);
                next_due_ms.map(|due_ms| state.until(due_ms))
            };
            if next_due == Some(Duration::ZERO) {
                return Ok(());
            }
            let is_blind = self.options.defects.has(Defect::WaitIgnoresTheClock);
            let next_due = next_due.filter(|_| !is_blind);
            let pause = next_due.map_or(max_wait, |due| due.min(max_wait));
            let due = self.options.clock.sleep(pause);
            // The pause began at the time it was computed for only if the clock stood still.
            if self.options.clock.now_ms() != clock_ms {
                continue;
            }
            tokio::select! {
                biased;
                () = woken => {}
                () = &mut deadline => return Ok(()),
                () = due => {}
            }
        }
    }

    pub(crate) async fn wait_until_changed(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let watcher = self.wakes.watch(watched);
        let mut deadline = self.options.clock.sleep(max_wait);
        loop {
            let changed = self.changed_heads(watched)?;
            if !changed.is_empty() {
                return Ok(changed);
            }
            tokio::select! {
                biased;
                () = watcher.woken.notified() => {}
                () = &mut deadline => return Ok(Vec::new()),
            }
        }
    }

    fn changed_heads(&self, watched: &[Watch]) -> Result<Vec<InstanceHead>, ProviderError> {
        let state = self.enter("wait_for_change")?;
        Ok(watched
            .iter()
            .filter_map(|watch| {
                let head = &state.instances.get(&watch.instance)?.head;
                let version_of = |key: &ValueKey| state.version_of(&watch.instance, key);
                watch
                    .until
                    .is_met_by(head, version_of)
                    .then(|| head.clone())
            })
            .collect())
    }
}
