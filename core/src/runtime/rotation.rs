//! Which queues a claim names.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::providers::TaskQueue;

/// Queues of one kind that a node serves with the same slots.
#[derive(Debug)]
pub(super) struct Rotation {
    queues: Vec<TaskQueue>,
    /// Which of them is the first one the next time.
    next: AtomicUsize,
}

impl Rotation {
    pub(super) fn new(queues: Vec<TaskQueue>) -> Self {
        Self {
            queues,
            next: AtomicUsize::new(0),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> &[TaskQueue] {
        &self.queues
    }

    /// As many of them as there is room for items, others each time.
    ///
    /// A claim gives each queue that it names its share (CLM-12). Where it can bring fewer items than it
    /// names queues, age alone decides, and a queue with a backlog would keep back all that are younger.
    pub(super) fn take(&self, items_max: usize) -> Vec<TaskQueue> {
        if items_max >= self.queues.len() {
            return self.queues.clone();
        }
        let first = self.next.fetch_add(items_max.max(1), Ordering::Relaxed);
        let from_there_on = self.queues.iter().cycle().skip(first % self.queues.len());
        from_there_on.take(items_max).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_its_turn() {
        let names = ["a", "b", "c"].map(TaskQueue::from);
        let rotation = Rotation::new(names.to_vec());
        assert_eq!(rotation.take(3), names);
        assert_eq!(rotation.take(9), names);
        let of_two: Vec<_> = (0..3).flat_map(|_| rotation.take(2)).collect();
        assert_eq!(of_two, ["a", "b", "c", "a", "b", "c"].map(TaskQueue::from));
        let of_one: Vec<_> = (0..3).flat_map(|_| rotation.take(1)).collect();
        assert_eq!(of_one, names);
        assert!(rotation.take(0).is_empty());
        assert!(Rotation::new(Vec::new()).take(0).is_empty());
    }
}
