//! Whether a node drains when it takes on nothing.

use std::time::Duration;

use super::until::Until;
use crate::limits::ISOLATION_TRIES_MAX;
use crate::runtime::node::Node;

/// For how long a node that did not drain is not asked to again.
const BUSY_FOR: Duration = Duration::from_secs(30);

/// The same for one that did not several times in a row.
const HOPELESS_FOR: Duration = Duration::from_mins(10);

/// What a node has shown of whether it drains.
#[derive(Debug, Default)]
pub(super) struct Drains {
    /// How often it did not, in a row.
    in_vain: u32,
    busy: Until,
    hopeless: Until,
}

impl Drains {
    /// It did not drain a short while ago, or has to work for a while.
    pub(super) fn is_busy(&mut self) -> bool {
        !self.busy.has_passed()
    }

    /// It never seems to drain, and is not worth asking to.
    pub(super) fn is_hopeless(&mut self) -> bool {
        !self.hopeless.has_passed()
    }

    /// It works for a while before it is asked to drain again.
    pub(super) fn rest(&mut self, node: &Node) {
        self.busy = Until::in_so_long(node, BUSY_FOR);
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, node: &Node) {
        self.rest(node);
        self.in_vain = self.in_vain.saturating_add(1);
        if self.in_vain < ISOLATION_TRIES_MAX {
            return;
        }
        self.hopeless = Until::in_so_long(node, HOPELESS_FOR);
        tracing::warn!(
            target: "duroxide::runtime",
            worker_id = node.worker_id,
            in_vain = self.in_vain,
            "this node does not drain: what may have killed its process is tried beside other work, \
             but for last attempts"
        );
    }
}
