//! Suspects that are tried together.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;

use super::until::Until;
use crate::limits::{ISOLATION_MAX, ISOLATION_MIN};
use crate::runtime::node::Node;
use crate::runtime::suspect::{Suspect, Work};

/// Suspects that are tried together.
#[derive(Debug)]
pub(super) struct Round {
    /// Closed when all of them have ended.
    running: mpsc::Receiver<()>,
    watcher: mpsc::WeakSender<()>,
    /// Until then they may still prove to be deadly.
    watched: Until,
    /// How many more may be tried with them.
    room: usize,
}

impl Round {
    /// A round, and what its suspects hold for as long as they run.
    pub(super) fn begin(
        node: &Node,
        watched_for: Duration,
        room: usize,
    ) -> (Self, mpsc::Sender<()>) {
        let (watcher, running) = mpsc::channel(1);
        let round = Self {
            running,
            watcher: watcher.downgrade(),
            watched: Until::in_so_long(node, watched_for),
            room,
        };
        (round, watcher)
    }

    /// Takes so many more in, or as many as there is room for; and answers for how many there was,
    /// with what they hold. `None` if the round has ended meanwhile.
    pub(super) fn take_in(&mut self, count: usize) -> Option<(usize, mpsc::Sender<()>)> {
        let watcher = self.watcher.upgrade()?;
        let count = count.min(self.room);
        self.room -= count;
        Some((count, watcher))
    }

    /// Watches them anew.
    pub(super) fn watch_for(&mut self, node: &Node, time: Duration) {
        self.watched = Until::in_so_long(node, time);
    }

    /// How many of them run.
    pub(super) fn lasting(&self) -> usize {
        self.running.sender_strong_count()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lasting() == 0
    }

    /// Ends when all of them have ended.
    pub(super) async fn ends(&mut self) {
        self.running.recv().await;
    }

    /// Ends when all of them have ended, or they are watched no longer.
    pub(super) async fn passes(&mut self) {
        tokio::select! {
            biased;
            _ = self.running.recv() => {}
            () = self.watched.passes() => {}
        }
    }

    pub(super) fn has_passed(&mut self) -> bool {
        self.passes().now_or_never().is_some()
    }
}

/// For how long what is kept from running beside suspects, from their start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    pub(super) turns: Duration,
    pub(super) activities: Duration,
}

impl Hold {
    pub(super) fn new(suspects: &[Suspect], is_first_round: bool) -> Self {
        let activities = watched_for(is_first_round);
        let has_turns = suspects
            .iter()
            .any(|suspect| matches!(suspect.work, Work::Turn(_)));
        let turns = match (has_turns, is_first_round) {
            (true, _) => activities,
            (false, true) => ISOLATION_MIN,
            (false, false) => Duration::ZERO,
        };
        Self { turns, activities }
    }
}

/// How long suspects are waited for before the next ones are tried.
pub(super) fn watched_for(is_first_round: bool) -> Duration {
    if is_first_round {
        ISOLATION_MAX
    } else {
        ISOLATION_MIN
    }
}
