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
        Self { instances: LruCache::unbounded(), instances_max, bytes: 0, bytes_max }
    }

    /// Takes the instance's engine out, if it stands where the head does.
    pub(super) fn take(&mut self, head: &InstanceHead) -> Option<Warm> {
        let warm = self.instances.pop(&head.instance)?;
        self.bytes -= warm.history_bytes + BYTES_PER_INSTANCE;
        (warm.standing == Standing::of(head)).then_some(warm)
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
            let Some((_, oldest)) = self.instances.pop_lru() else { break };
            self.bytes -= oldest.history_bytes + BYTES_PER_INSTANCE;
            gone.push(oldest);
        }
        gone
    }
}
