//! Instances whose code is still in memory since this node ran their last turn.

use lru::LruCache;

use crate::providers::{CommitId, Incarnation, InstanceHead, InstanceId, Position};
use crate::replay::Engine;

/// What an execution's code weighs beyond its history: the future, its tokens, the entry itself.
/// An estimate; it keeps the bound honest for instances with little history.
const BYTES_PER_INSTANCE: usize = 2_048;

/// The state of an instance that a warm engine stands for. Equality means that the engine has
/// seen exactly what is stored: the commit id is fresh with each commit, and each commit is
/// fenced by its predecessor's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) incarnation: Incarnation,
    pub(super) position: Position,
    pub(super) commit_id: Option<CommitId>,
}

impl Standing {
    pub(super) fn of(head: &InstanceHead) -> Self {
        Self {
            incarnation: head.incarnation,
            position: head.position,
            commit_id: head.commit_id,
        }
    }
}

/// An engine between two turns.
#[derive(Debug)]
pub(super) struct Warm {
    pub(super) engine: Engine,
    pub(super) standing: Standing,
    /// The bytes of history that went into it.
    pub(super) history_bytes: usize,
}

/// The least recently used ones go first, by number and by bytes.
#[derive(Debug)]
pub(super) struct WarmInstances {
    instances: LruCache<InstanceId, Warm>,
    instances_max: usize,
    bytes: usize,
    bytes_max: usize,
}

impl WarmInstances {
    pub(super) fn new(instances_max: usize, bytes_max: usize) -> Self {
        Self {
            instances: LruCache::unbounded(),
            instances_max,
            bytes: 0,
            bytes_max,
        }
    }

    /// Takes the instance's engine out: first the one that stands where the head does, or else the
    /// one that is of no use any more. The caller drops the latter where it holds no lock.
    pub(super) fn take(&mut self, head: &InstanceHead) -> (Option<Warm>, Option<Warm>) {
        let Some(warm) = self.instances.pop(&head.instance) else {
            return (None, None);
        };
        self.bytes -= warm.history_bytes + BYTES_PER_INSTANCE;
        if warm.standing == Standing::of(head) {
            (Some(warm), None)
        } else {
            (None, Some(warm))
        }
    }

    /// Keeps an engine, and answers those that must go. The caller drops them where it holds no
    /// lock: dropping one runs the user's code.
    #[must_use]
    pub(super) fn keep(&mut self, instance: InstanceId, warm: Warm) -> Vec<Warm> {
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
    pub(super) fn clear(&mut self) -> Vec<Warm> {
        self.bytes = 0;
        std::iter::from_fn(|| self.instances.pop_lru().map(|(_, warm)| warm)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::providers::MessageId;
    use crate::replay::{Identity, Journal};

    fn warm(history_bytes: usize) -> Warm {
        let identity = Identity {
            instance: String::new(),
            execution: 1,
            orchestration: String::new(),
            version: String::new(),
        };
        Warm {
            engine: Engine::new(Journal::new(identity, 16), Box::pin(pending())),
            standing: Standing {
                incarnation: MessageId(uuid::Uuid::nil()).incarnation(),
                position: Position::START,
                commit_id: None,
            },
            history_bytes,
        }
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
            gone += warm_instances.keep(id(number), warm(history_bytes)).len();
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
        assert!(warm_instances.keep(id(1), warm(1_000)).is_empty());
        assert_eq!(warm_instances.keep(id(1), warm(3_000)).len(), 1);
        assert_eq!(warm_instances.bytes, 3_000 + BYTES_PER_INSTANCE);
        // One that is too large for all of it is not kept, and spares the others.
        assert_eq!(warm_instances.keep(id(2), warm(1024 * 1024)).len(), 1);
        assert_eq!(warm_instances.bytes, 3_000 + BYTES_PER_INSTANCE);
        assert!(warm_instances.keep(id(3), warm(5)).is_empty());
        // Nor is what it was before.
        assert_eq!(warm_instances.keep(id(1), warm(1024 * 1024)).len(), 2);
        assert_eq!(warm_instances.bytes, 5 + BYTES_PER_INSTANCE);
        assert_eq!(warm_instances.clear().len(), 1);
        assert_eq!(warm_instances.bytes, 0);
    }
}
