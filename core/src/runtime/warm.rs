//! Instances whose code is still in memory since this node ran their last turn.

use std::collections::BTreeMap;

use lru::LruCache;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::providers::{ActivityKey, CommitId, InstanceHead, InstanceId};
use crate::replay::Engine;

/// What an execution's code weighs beyond its history: the future, its tokens, the entry itself.
/// An estimate; it keeps the bound honest for instances with little history.
const BYTES_PER_INSTANCE: usize = 2_048;

/// An engine between two turns.
#[derive(Debug)]
pub(super) struct Warm {
    pub(super) engine: Engine,
    /// The instance as it was stored then.
    pub(super) head: InstanceHead,
    /// The bytes of history that went into it.
    pub(super) history_bytes: usize,
}

impl Warm {
    /// Whether the engine has seen exactly what is stored: the commit id is fresh with each commit,
    /// and each commit is fenced by its predecessor's position.
    fn stands_at(&self, head: &InstanceHead) -> bool {
        self.head.incarnation == head.incarnation
            && self.head.position == head.position
            && self.head.commit_id == head.commit_id
    }

    /// Whether the engine has seen the beginning of what is stored, and another node went on from
    /// there, so that the rest is enough to read.
    fn is_behind(&self, head: &InstanceHead) -> bool {
        self.head.incarnation == head.incarnation
            && self.head.position.execution == head.position.execution
            && self.head.position.next_event_id < head.position.next_event_id
    }

    /// Whether the code waits for this activity, and for nothing else that may come unforeseen.
    fn waits_for(&self, activity: &ActivityKey) -> bool {
        self.head.incarnation == activity.incarnation
            && self.head.position.execution == activity.execution
            && self.engine.waits_only_for(activity.activity_id)
    }
}

/// An engine that was kept, and how it stands to the instance's head.
#[derive(Debug)]
pub(super) enum Kept {
    /// It stands where the head does.
    Current(Box<Warm>),
    /// Another node has gone on since.
    Behind(Box<Warm>),
}

/// An engine that is kept once its commit is acknowledged.
#[derive(Debug)]
struct Expected {
    commit_id: CommitId,
    /// Who wants to go on with it. They are woken when these are dropped.
    waiting: Vec<oneshot::Sender<()>>,
}

/// The engine of a commit that is about to be made is on its way until this is dropped: then it has
/// been kept, or never will be.
#[derive(Debug)]
pub(super) struct OnItsWay<'a> {
    warm: &'a Mutex<WarmInstances>,
    instance: InstanceId,
    commit_id: CommitId,
}

impl<'a> OnItsWay<'a> {
    pub(super) fn new(
        warm: &'a Mutex<WarmInstances>,
        instance: InstanceId,
        commit_id: CommitId,
    ) -> Self {
        let expected = Expected {
            commit_id,
            waiting: Vec::new(),
        };
        warm.lock().expected.insert(instance.clone(), expected);
        Self {
            warm,
            instance,
            commit_id,
        }
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        let mut warm = self.warm.lock();
        let expected = warm.expected.get(&self.instance);
        // A later turn of the instance may be on its way by now.
        if expected.is_some_and(|expected| expected.commit_id == self.commit_id) {
            let met = warm.expected.remove(&self.instance);
            drop(warm);
            drop(met);
        }
    }
}

/// The least recently used ones go first, by number and by bytes. They are in boxes, since they are
/// large and are handed through several futures.
#[derive(Debug)]
pub(super) struct WarmInstances {
    instances: LruCache<InstanceId, Box<Warm>>,
    expected: BTreeMap<InstanceId, Expected>,
    instances_max: usize,
    bytes: usize,
    bytes_max: usize,
}

impl WarmInstances {
    pub(super) fn new(instances_max: usize, bytes_max: usize) -> Self {
        Self {
            instances: LruCache::unbounded(),
            expected: BTreeMap::new(),
            instances_max,
            bytes: 0,
            bytes_max,
        }
    }

    /// The end of the wait for the engine of the commit at which the head stands; `None` if it is not
    /// on its way. The store may show a commit before its acknowledgement has reached the turn.
    pub(super) fn wait_for(&mut self, head: &InstanceHead) -> Option<oneshot::Receiver<()>> {
        let expected = self.expected.get_mut(&head.instance)?;
        if head.commit_id != Some(expected.commit_id) {
            return None;
        }
        let (wake, woken) = oneshot::channel();
        expected.waiting.push(wake);
        Some(woken)
    }

    /// Whether an engine of the instance is kept, or on its way.
    pub(super) fn has(&self, instance: &InstanceId) -> bool {
        self.instances.contains(instance) || self.expected.contains_key(instance)
    }

    /// Takes the instance's engine out: first the one that can go on, or else the one that is of no
    /// use any more. The caller drops the latter where it holds no lock.
    pub(super) fn take(&mut self, head: &InstanceHead) -> (Option<Kept>, Option<Box<Warm>>) {
        let Some(warm) = self.instances.pop(&head.instance) else {
            return (None, None);
        };
        self.bytes -= warm.history_bytes + BYTES_PER_INSTANCE;
        if warm.stands_at(head) {
            (Some(Kept::Current(warm)), None)
        } else if warm.is_behind(head) {
            (Some(Kept::Behind(warm)), None)
        } else {
            (None, Some(warm))
        }
    }

    /// Takes out the engine that waits for this activity alone.
    pub(super) fn take_waiting_for(&mut self, activity: &ActivityKey) -> Option<Box<Warm>> {
        let warm = self.instances.peek(&activity.instance)?;
        if !warm.waits_for(activity) {
            return None;
        }
        let warm = self.instances.pop(&activity.instance)?;
        self.bytes -= warm.history_bytes + BYTES_PER_INSTANCE;
        Some(warm)
    }

    /// Keeps an engine, and answers those that must go. The caller drops them where it holds no
    /// lock: dropping one runs the user's code.
    #[must_use]
    #[expect(clippy::vec_box, reason = "they are in boxes already")]
    pub(super) fn keep(&mut self, warm: Box<Warm>) -> Vec<Box<Warm>> {
        let instance = warm.head.instance.clone();
        let bytes = warm.history_bytes + BYTES_PER_INSTANCE;
        let mut gone = Vec::new();
        if bytes > self.bytes_max {
            // It would take all others with it, and go last.
            if let Some(older) = self.instances.pop(&instance) {
                self.bytes -= older.history_bytes + BYTES_PER_INSTANCE;
                gone.push(older);
            }
            gone.push(warm);
            return gone;
        }
        self.bytes += bytes;
        if let Some((_, replaced)) = self.instances.push(instance, warm) {
            self.bytes -= replaced.history_bytes + BYTES_PER_INSTANCE;
            gone.push(replaced);
        }
        while self.instances.len() > self.instances_max || self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.instances.pop_lru() else {
                break;
            };
            self.bytes -= oldest.history_bytes + BYTES_PER_INSTANCE;
            gone.push(oldest);
        }
        gone
    }

    /// Lets go of all of them. The caller drops them where it holds no lock.
    #[must_use]
    #[expect(clippy::vec_box, reason = "they are in boxes already")]
    pub(super) fn clear(&mut self) -> Vec<Box<Warm>> {
        self.bytes = 0;
        std::iter::from_fn(|| self.instances.pop_lru().map(|(_, warm)| warm)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use bytes::Bytes;

    use super::*;
    use crate::providers::{InstanceStatus, MessageId, Position};
    use crate::replay::{Identity, Journal};

    fn warm(number: usize, history_bytes: usize) -> Box<Warm> {
        let identity = Identity {
            instance: String::new(),
            incarnation: uuid::Uuid::nil(),
            execution: 1,
            orchestration: String::new(),
            version: String::new(),
        };
        Box::new(Warm {
            engine: Engine::new(Journal::new(identity, 16), Box::pin(pending())),
            head: InstanceHead {
                instance: id(number),
                incarnation: MessageId(uuid::Uuid::nil()).incarnation(),
                queue: crate::providers::TaskQueue::default(),
                parent: None,
                orchestration: String::new(),
                version: None,
                status: InstanceStatus::Running,
                output: None,
                position: Position::START,
                commit_id: None,
                core_state: Bytes::new(),
                awaited: Vec::new(),
                suspended: false,
                created_at_ms: 0,
                updated_at_ms: 0,
                note: None,
                expires_at_ms: None,
            },
            history_bytes,
        })
    }

    fn id(number: usize) -> InstanceId {
        InstanceId::new(format!("instance {number}")).unwrap()
    }

    /// However many orchestrations wait, what is kept stays within both limits.
    #[test]
    fn a_hundred_thousand_waiting_instances_stay_within_the_limits() {
        const INSTANCES_MAX: usize = 1_000;
        const BYTES_MAX: usize = 4 * 1024 * 1024;
        let mut warm_instances = WarmInstances::new(INSTANCES_MAX, BYTES_MAX);
        let mut gone = 0;
        for number in 0..100_000 {
            // Small ones at first, for which the number counts, then large ones.
            let history_bytes = if number < 50_000 { 100 } else { 64 * 1024 };
            gone += warm_instances.keep(warm(number, history_bytes)).len();
            assert!(warm_instances.instances.len() <= INSTANCES_MAX);
            assert!(warm_instances.bytes <= BYTES_MAX);
            if number == 49_999 {
                assert_eq!(warm_instances.instances.len(), INSTANCES_MAX);
            }
        }
        let kept = warm_instances.instances.len();
        assert_eq!(kept, BYTES_MAX / (64 * 1024 + BYTES_PER_INSTANCE));
        assert_eq!(kept + gone, 100_000);
        assert!(warm_instances.instances.contains(&id(99_999)));
    }

    /// What is taken, replaced or too large to be kept leaves the account as it was.
    #[test]
    fn the_bytes_are_those_of_what_is_kept() {
        let mut warm_instances = WarmInstances::new(10, 1024 * 1024);
        assert!(warm_instances.keep(warm(1, 1_000)).is_empty());
        assert_eq!(warm_instances.keep(warm(1, 3_000)).len(), 1);
        assert_eq!(warm_instances.bytes, 3_000 + BYTES_PER_INSTANCE);
        // One that is too large for all of it is not kept, and spares the others.
        assert_eq!(warm_instances.keep(warm(2, 1024 * 1024)).len(), 1);
        assert_eq!(warm_instances.bytes, 3_000 + BYTES_PER_INSTANCE);
        assert!(warm_instances.keep(warm(3, 5)).is_empty());
        // Nor is what it was before.
        assert_eq!(warm_instances.keep(warm(1, 1024 * 1024)).len(), 2);
        assert_eq!(warm_instances.bytes, 5 + BYTES_PER_INSTANCE);
        assert_eq!(warm_instances.clear().len(), 1);
        assert_eq!(warm_instances.bytes, 0);
    }
}
