//! The turns on this node, by instance.

use std::sync::Arc;

use super::running_turn::RunningTurn;
use crate::providers::{Incarnation, InstanceHead};

/// In how many groups the turns are, by the incarnation of their instance, which is drawn.
const GROUPS: usize = 64;

/// The turns whose code may be running. Rarely more than one of an instance: a fused turn, and a
/// claimed one beside it.
#[derive(Debug)]
pub(super) struct RunningTurns {
    groups: [Vec<Arc<RunningTurn>>; GROUPS],
    count: usize,
}

impl Default for RunningTurns {
    fn default() -> Self {
        Self {
            groups: [const { Vec::new() }; GROUPS],
            count: 0,
        }
    }
}

impl RunningTurns {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn insert(&mut self, turn: &Arc<RunningTurn>) {
        if let Some(group) = self.groups.get_mut(group_of(turn.incarnation)) {
            group.push(Arc::clone(turn));
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, turn: &Arc<RunningTurn>) {
        if let Some(group) = self.groups.get_mut(group_of(turn.incarnation))
            && let Some(at) = group.iter().position(|other| Arc::ptr_eq(other, turn))
        {
            group.swap_remove(at);
            self.count -= 1;
        }
    }

    /// Those of an instance.
    pub(super) fn of<'a>(
        &'a self,
        head: &'a InstanceHead,
    ) -> impl Iterator<Item = &'a Arc<RunningTurn>> {
        let group = self.groups.get(group_of(head.incarnation));
        group.into_iter().flatten().filter(move |turn| {
            turn.incarnation == head.incarnation && turn.instance == head.instance
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<RunningTurn>> {
        self.groups.iter().flatten()
    }
}

fn group_of(incarnation: Incarnation) -> usize {
    usize::try_from(incarnation.0.as_u128() % GROUPS as u128).unwrap_or(0)
}
