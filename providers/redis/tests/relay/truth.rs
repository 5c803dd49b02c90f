//! What really happened, which no partition knows, and what must hold of it.

use super::chain::Link;
use super::protocol::{Source, Target};
use super::shared::Shared;

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    /// The target has not each message up to where it stands exactly once and in order.
    NotOnceInOrder,
    /// The source has forgotten a message that the target does not have, or may lose.
    Forgotten,
    /// The target applied a message that it had given up as a ghost.
    GhostCameAgain,
    /// The target gave up a message that the source still has.
    GaveUpWhatIsThere,
    /// The two found nothing in common, although no failover has lost more than a window.
    StartedOver,
    /// A relay that nothing disturbs does not get through.
    Stuck,
    /// Memory is held for ever.
    Unbounded,
}

/// Every append there was, also those that a failover took back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Truth {
    /// For each link, from 1, the one before.
    before: Vec<Link>,
    /// How many appends there were.
    appends: usize,
}

impl Truth {
    pub(super) fn count(&self) -> usize {
        self.appends
    }

    /// A link behind another one: a new one, unless one is to be given again.
    pub(super) fn append(&mut self, before: Link, repeated: Option<Link>) -> Link {
        self.appends += 1;
        repeated.unwrap_or_else(|| {
            self.before.push(before);
            self.before.len()
        })
    }

    /// The first link that was ever given behind another one.
    pub(super) fn first_after(&self, before: Link) -> Option<Link> {
        let index = self.before.iter().position(|link| *link == before)?;
        Some(index + 1)
    }

    /// The messages up to a link.
    pub(super) fn path(&self, link: Link) -> Vec<Link> {
        let mut path = Vec::new();
        let mut link = link;
        while let Some(index) = link.checked_sub(1) {
            path.push(link);
            link = self.before[index];
        }
        path.reverse();
        path
    }

    /// What must hold in every state.
    pub(super) fn check(
        &self,
        source: &Source,
        targets: &[Shared<Target>],
    ) -> Result<(), Violation> {
        for target in targets {
            let last = target.chain.last();
            let path = self.path(last.link);
            if path.len() != last.number || path != target.applied {
                return Err(Violation::NotOnceInOrder);
            }
        }
        // Whatever the target may be rolled back to has it.
        let forgotten = self.path(source.chain.base.link);
        let is_there = |link: &Link| targets.iter().all(|target| target.applied.contains(link));
        if !forgotten.iter().all(is_there) {
            return Err(Violation::Forgotten);
        }
        Ok(())
    }

    /// What must hold when a target takes something.
    pub(super) fn check_step(
        &self,
        source: &Source,
        before: &Target,
        after: &Target,
    ) -> Result<(), Violation> {
        let mut new = after.applied.iter();
        if new.any(|link| !before.applied.contains(link) && before.given_up.contains(link)) {
            return Err(Violation::GhostCameAgain);
        }
        let sent = self.path(source.chain.last().link);
        let mut given_up = after.given_up.iter().skip(before.given_up.len());
        if given_up.any(|link| sent.contains(link)) {
            return Err(Violation::GaveUpWhatIsThere);
        }
        Ok(())
    }
}
