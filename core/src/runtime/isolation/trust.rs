//! How many suspects may be tried at once.

use std::time::Duration;

use super::until::Until;
use crate::runtime::node::Node;

/// For how long the trust that suspects have earned lasts after the latest of them was tried, or
/// should have come back.
const TRUST_FOR: Duration = Duration::from_mins(2);

/// As many suspects as may be tried at once at most: nobody has more in hand.
const WIDTH_MAX: usize = 65_536;

/// How many suspects may be tried at once: twice as many each time, as long as there are any.
#[derive(Debug)]
pub(super) struct Trust {
    width: usize,
    lasts: Until,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            width: 1,
            lasts: Until::default(),
        }
    }
}

impl Trust {
    pub(super) fn width(&mut self) -> usize {
        if self.lasts.has_passed() {
            self.width = 1;
        }
        self.width
    }

    /// Some were tried; twice as many are the next time.
    pub(super) fn grow(&mut self, node: &Node) {
        self.width = (self.width * 2).min(WIDTH_MAX);
        self.keep(node, Duration::ZERO);
    }

    /// Others wait for so long: until they are back, nothing that was learned is forgotten.
    pub(super) fn keep(&mut self, node: &Node, pause: Duration) {
        if self.width > 1 {
            self.lasts = Until::in_so_long(node, pause + TRUST_FOR);
        }
    }
}
