//! What the connections of one proxy share.

use std::sync::Arc;

use duroxide_core::clock::Clock;
use tokio::sync::watch;

use super::plan::{Action, Boundary, Counts, Direction, Fault};

/// What a proxy is to do and what it did.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) counts: Counts,
    pub(super) armed: Vec<Fault>,
    pub(super) fired: Vec<Fault>,
    /// Connections with a cut under way, up to the server's last word.
    pub(super) cutting: usize,
    /// By these the stalled connections are told that they flow again.
    pub(super) stalled: Vec<watch::Sender<bool>>,
    pub(super) problems: Vec<String>,
}

/// What the connections of one proxy share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ledger: watch::Sender<Ledger>,
}

impl Shared {
    /// Counts a message; the second answer is whether it has a cut ahead of it.
    pub(super) fn count(&self, direction: Direction) -> (u64, bool) {
        let mut answer = (0, false);
        self.ledger.send_modify(|ledger| {
            let message = ledger.counts.next(direction);
            let has_cut = ledger.armed.iter().any(|fault| {
                let at = fault.at;
                fault.action == Action::Cut && at.direction == direction && at.message == message
            });
            answer = (message, has_cut);
        });
        answer
    }

    /// What happens here. It is used up by being asked for.
    pub(super) fn take(&self, here: Boundary) -> Vec<Action> {
        let mut actions = Vec::new();
        self.ledger.send_if_modified(|ledger| {
            let (taken, armed): (Vec<Fault>, Vec<Fault>) =
                ledger.armed.drain(..).partition(|fault| fault.at == here);
            ledger.armed = armed;
            actions.extend(taken.iter().map(|fault| fault.action));
            ledger.fired.extend(taken);
            !actions.is_empty()
        });
        actions
    }

    pub(super) fn report(&self, problem: String) {
        self.ledger
            .send_modify(|ledger| ledger.problems.push(problem));
    }
}

/// Keeps the proxy from being settled while it lives.
#[derive(Debug)]
pub(super) struct Cutting(Arc<Shared>);

impl Cutting {
    pub(super) fn begin(shared: &Arc<Shared>) -> Self {
        shared.ledger.send_modify(|ledger| ledger.cutting += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Cutting {
    fn drop(&mut self) {
        self.0.ledger.send_modify(|ledger| ledger.cutting -= 1);
    }
}
