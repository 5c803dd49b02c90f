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
        self.bytes += warm.history_bytes + BYTES_PER_INSTANCE;
        let mut gone = Vec::new();
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
