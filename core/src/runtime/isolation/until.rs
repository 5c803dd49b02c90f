//! A time that has passed or has not.

use std::time::Duration;

use futures_util::FutureExt as _;

use crate::clock::Sleep;
use crate::runtime::node::Node;

/// A time that has passed or has not. It is no moment of the wall clock, which may be set.
#[derive(Default)]
pub(super) struct Until(Option<Sleep>);

impl std::fmt::Debug for Until {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Until").field(&self.0.is_some()).finish()
    }
}

impl Until {
    pub(super) fn in_so_long(node: &Node, time: Duration) -> Self {
        Self(Some(node.clock.sleep(time)))
    }

    pub(super) fn has_passed(&mut self) -> bool {
        let Some(sleep) = &mut self.0 else {
            return true;
        };
        let has_passed = sleep.now_or_never().is_some();
        if has_passed {
            self.0 = None;
        }
        has_passed
    }

    /// Ends when it has passed. What is dropped before its end is called again.
    pub(super) async fn passes(&mut self) {
        if let Some(sleep) = &mut self.0 {
            sleep.await;
        }
        self.0 = None;
    }
}
