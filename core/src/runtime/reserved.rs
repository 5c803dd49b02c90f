//! Activities that a commit brings to this node, between the commit and their start.

use std::sync::Arc;

use super::lease_keeper::LeaseKeeper;
use crate::providers::{ClaimedActivity, Lease};

/// Activities whose leases a commit grants, if it happens. Until they are taken out, nobody knows
/// whether it did: when this is dropped, the leases are given back, and the store refuses those
/// that it never granted.
#[derive(Debug)]
pub(super) struct Reserved {
    keeper: Arc<LeaseKeeper>,
    activities: Vec<ClaimedActivity>,
}

impl Reserved {
    pub(super) fn new(keeper: &Arc<LeaseKeeper>, activities: Vec<ClaimedActivity>) -> Self {
        Self {
            keeper: Arc::clone(keeper),
            activities,
        }
    }

    /// The commit has happened, and these are to start; or it was refused, and they are not there.
    pub(super) fn take(&mut self) -> Vec<ClaimedActivity> {
        std::mem::take(&mut self.activities)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.activities.is_empty() {
            return;
        }
        let activities = self.take().into_iter();
        self.keeper
            .leave(activities.map(|activity| Lease::Activity(activity.lease)));
    }
}
