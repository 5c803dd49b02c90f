//! Who waits for which instance to change, kept once for every backend.
//!
//! A provider that hears of a change tells [`Watchers`]; a wait registers first and looks afterwards,
//! so that nothing happens between the two unseen.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::head::InstanceHead;
use super::id::InstanceId;

/// The instances that changed, each with its head as it is since then, where that is known.
pub type Changes = BTreeMap<InstanceId, Option<Box<InstanceHead>>>;

/// Those who wait for a change of some instance.
#[derive(Debug, Default)]
pub struct Watchers {
    by_instance: Mutex<HashMap<InstanceId, Vec<Arc<Watcher>>>>,
}

/// Somebody who waits for a change of some instances.
#[derive(Debug, Default)]
struct Watcher {
    /// A map, so that it has at most what is watched, however long nobody looks.
    changed: Mutex<Changes>,
    wake: Notify,
}

impl Watchers {
    /// Registers a watcher of these instances, until it is dropped.
    #[must_use]
    pub fn watch(self: &Arc<Self>, instances: Vec<InstanceId>) -> Watching {
        let watcher = Arc::new(Watcher::default());
        let mut by_instance = self.by_instance.lock();
        for instance in &instances {
            let of_instance = by_instance.entry(instance.clone()).or_default();
            of_instance.push(Arc::clone(&watcher));
        }
        drop(by_instance);
        Watching {
            watchers: Arc::clone(self),
            watcher,
            instances,
        }
    }

    /// Whether anybody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_instance.lock().is_empty()
    }

    /// Whether anybody waits for this instance.
    #[must_use]
    pub fn has(&self, instance: &InstanceId) -> bool {
        self.by_instance.lock().contains_key(instance)
    }

    /// Tells those who wait for these instances. Of two heads of one instance the one told last
    /// counts, and a change without a head makes an earlier head doubtful.
    pub fn wake(&self, changes: Changes) {
        let by_instance = self.by_instance.lock();
        for (instance, head) in changes {
            for watcher in by_instance.get(&instance).into_iter().flatten() {
                let mut changed = watcher.changed.lock();
                changed.insert(instance.clone(), head.clone());
                watcher.wake.notify_one();
            }
        }
    }

    /// Tells those who wait for an instance of which this holds.
    pub fn wake_where(&self, is_meant: impl Fn(&InstanceId) -> bool) {
        let by_instance = self.by_instance.lock();
        for (instance, watchers) in by_instance.iter().filter(|(id, _)| is_meant(id)) {
            for watcher in watchers {
                watcher.changed.lock().insert(instance.clone(), None);
                watcher.wake.notify_one();
            }
        }
    }
}

/// The registration of a watcher.
#[derive(Debug)]
pub struct Watching {
    watchers: Arc<Watchers>,
    watcher: Arc<Watcher>,
    instances: Vec<InstanceId>,
}

impl Watching {
    /// Waits until one of the instances has changed, and answers which have since the last time.
    pub async fn changed(&self) -> Changes {
        self.watcher.wake.notified().await;
        mem::take(&mut self.watcher.changed.lock())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut by_instance = self.watchers.by_instance.lock();
        for instance in &self.instances {
            if let Some(of_instance) = by_instance.get_mut(instance) {
                of_instance.retain(|watcher| !Arc::ptr_eq(watcher, &self.watcher));
                if of_instance.is_empty() {
                    by_instance.remove(instance);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_watcher_leaves_nothing_behind() {
        let watchers = Arc::new(Watchers::default());
        let instance = InstanceId::new("a").unwrap();
        let watching = watchers.watch(vec![instance.clone(), instance.clone()]);
        assert!(watchers.has(&instance));
        drop(watching);
        assert!(watchers.is_empty());
    }

    #[tokio::test]
    async fn a_watcher_hears_of_what_it_watches_and_of_nothing_else() {
        let watchers = Arc::new(Watchers::default());
        let [a, b, c] = ["a", "b", "c"].map(|id| InstanceId::new(id).unwrap());
        let watching = watchers.watch(vec![a.clone(), b.clone()]);
        watchers.wake(Changes::from([(a.clone(), None), (c, None)]));
        watchers.wake_where(|id| *id == b);
        let changed = watching.changed().await;
        assert_eq!(changed.into_keys().collect::<Vec<_>>(), [a, b]);
    }
}
