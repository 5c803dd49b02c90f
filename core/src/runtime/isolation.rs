//! Runs what may have killed its process with nothing beside it, so that only its own attempts
//! count against it.
//!
//! The store cannot tell which of the items that a process had in hand has killed it. An item of so
//! many attempts is a *suspect*. The dispatcher lets its node drain, runs the suspect, and claims
//! nothing beside it until it ends or has lasted so long that it is not worth idling for. One
//! suspect is tried at a time; others that were claimed with it go back to the store, since they
//! would be counted too. Each that the process survives makes room for twice as many at once, so
//! that a crowd of innocent ones is soon through.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use lru::LruCache;
use tokio::sync::mpsc;

use super::attempts::Item;
use super::lease_keeper::LeaseGuard;
use super::node::{Node, Slot};
use crate::clock::Sleep;
use crate::limits::{CLAIM_ITEMS_MAX, ISOLATION_DRAIN_MAX, ISOLATION_MAX, ISOLATION_TRIES_MAX};
use crate::providers::{ClaimedActivity, Lease, Release, Turn};

/// How long a suspect that has to wait is left to the store, at first and at most.
const PUT_OFF_MIN: Duration = Duration::from_secs(1);
const PUT_OFF_MAX: Duration = Duration::from_secs(30);

/// For how long a node that did not drain is not asked to again.
const BUSY_FOR: Duration = Duration::from_secs(30);

/// For how long the trust that suspects have earned lasts after the latest of them.
const TRUST_FOR: Duration = Duration::from_mins(2);

/// How many suspects are remembered that had to wait.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// What was claimed.
#[derive(Debug)]
pub(super) enum Work {
    Turn(Turn),
    Activity(ClaimedActivity),
}

impl Work {
    pub(super) fn lease(&self) -> Lease {
        match self {
            Self::Turn(turn) => Lease::Turn(turn.lease.clone()),
            Self::Activity(activity) => Lease::Activity(activity.lease.clone()),
        }
    }

    pub(super) fn attempt(&self) -> u32 {
        match self {
            Self::Turn(turn) => turn.attempt,
            Self::Activity(activity) => activity.attempt,
        }
    }

    /// Whether its code hangs on this node already.
    pub(super) fn is_blocked(&self, node: &Node) -> bool {
        match self {
            Self::Turn(turn) => node.watch.blocked(&turn.head, turn.lease.token).is_some(),
            Self::Activity(_) => false,
        }
    }

    pub(super) fn start(self, node: &Arc<Node>, held: LeaseGuard, slot: Slot) {
        match self {
            Self::Turn(turn) => node.start_turn(turn, held, slot),
            Self::Activity(activity) => node.run_activity(activity, held, slot),
        }
    }
}

/// A claimed item that is to run alone.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) item: Item,
    pub(super) work: Work,
    pub(super) held: LeaseGuard,
    pub(super) slot: Slot,
}

/// A time that has passed or has not. It is no moment of the wall clock, which may be set.
#[derive(Default)]
struct Until(Option<Sleep>);

impl std::fmt::Debug for Until {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Until").field(&self.0.is_some()).finish()
    }
}

impl Until {
    fn in_so_long(node: &Node, time: Duration) -> Self {
        Self(Some(node.clock.sleep(time)))
    }

    fn has_passed(&mut self) -> bool {
        let Some(sleep) = &mut self.0 else {
            return true;
        };
        let has_passed = sleep.now_or_never().is_some();
        if has_passed {
            self.0 = None;
        }
        has_passed
    }
}

/// Suspects that were started together.
#[derive(Debug)]
struct Round {
    /// Closed when all of them have ended.
    running: mpsc::Receiver<()>,
    /// Until then they may still prove to be deadly.
    watched: Until,
}

/// How often a suspect has had to wait.
#[derive(Debug, Clone, Copy, Default)]
struct Waits {
    all: u32,
    /// Those for a node that did not drain.
    in_vain: u32,
}

/// What the dispatcher knows of its suspects.
#[derive(Debug)]
pub(super) struct Isolation {
    rounds: Vec<Round>,
    /// How many suspects may be tried at once.
    width: usize,
    trusted: Until,
    /// The node did not drain a short while ago.
    busy: Until,
    waits: LruCache<Item, Waits>,
}

impl Default for Isolation {
    fn default() -> Self {
        Self {
            rounds: Vec::new(),
            width: 1,
            trusted: Until::default(),
            busy: Until::default(),
            waits: LruCache::new(REMEMBERED_MAX),
        }
    }
}

impl Isolation {
    /// Runs the first of these suspects alone, and puts the others off. Comes back when others may
    /// run beside it, or the runtime stops.
    pub(super) async fn admit(&mut self, node: &Arc<Node>, mut suspects: Vec<Suspect>) {
        if suspects.is_empty() {
            return;
        }
        in_order(&mut suspects);
        self.rounds
            .retain(|round| round.running.sender_strong_count() > 0);
        if self
            .rounds
            .iter_mut()
            .any(|round| !round.watched.has_passed())
        {
            return self.put_off(node, suspects, 0).await;
        }
        if self.trusted.has_passed() {
            self.width = 1;
        }
        let others = suspects.split_off(self.width.min(suspects.len()));
        self.put_off(node, others, 0).await;
        let waits_most = suspects
            .iter()
            .map(|suspect| self.waits_of(&suspect.item).in_vain);
        if waits_most.max() >= Some(ISOLATION_TRIES_MAX) {
            return self.start(node, suspects);
        }
        if !self.busy.has_passed() {
            return self.put_off(node, suspects, 0).await;
        }
        node.activity_slots.pause();
        self.run_alone(node, suspects).await;
        node.activity_slots.resume();
    }

    async fn run_alone(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>) {
        let drained = tokio::select! {
            biased;
            // What is dropped here is given back.
            () = node.stopping.cancelled() => return,
            () = self.drained(node, suspects.len()) => true,
            () = node.clock.sleep(ISOLATION_DRAIN_MAX) => false,
        };
        if !drained {
            self.busy = Until::in_so_long(node, BUSY_FOR);
            return self.put_off(node, suspects, 1).await;
        }
        self.start(node, suspects);
        let Some(round) = self.rounds.last_mut() else {
            return;
        };
        tokio::select! {
            biased;
            () = node.stopping.cancelled() => {}
            _ = round.running.recv() => {}
            () = node.clock.sleep(ISOLATION_MAX) => {}
        }
        round.watched = Until::default();
    }

    fn waits_of(&self, item: &Item) -> Waits {
        self.waits.peek(item).copied().unwrap_or_default()
    }

    /// Waits until nothing runs on this node but suspects that have lasted, and these, which have
    /// their slots and have not begun.
    async fn drained(&mut self, node: &Node, suspects: usize) {
        loop {
            let lasting: usize = self
                .rounds
                .iter()
                .map(|round| round.running.sender_strong_count())
                .sum();
            let taken = node.turn_slots.taken() + node.activity_slots.taken();
            if taken <= suspects + lasting {
                return;
            }
            node.turn_slots.freed().await;
        }
    }

    fn start(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>) {
        let (watcher, running) = mpsc::channel(1);
        for suspect in suspects {
            let Suspect {
                item,
                work,
                mut held,
                slot,
            } = suspect;
            self.waits.pop(&item);
            if held.cancel.is_cancelled() {
                // It was cancelled, or the lease was lost, while it waited.
                continue;
            }
            tracing::warn!(
                target: "duroxide::runtime",
                %item,
                attempt = work.attempt(),
                "its earlier attempts have not ended; if its process dies again, that counts against it"
            );
            held.watch(watcher.clone());
            work.start(node, held, slot);
        }
        self.rounds.push(Round {
            running,
            watched: Until::in_so_long(node, ISOLATION_MAX),
        });
        self.width = (self.width * 2).min(CLAIM_ITEMS_MAX);
        self.trusted = Until::in_so_long(node, TRUST_FOR);
    }

    /// Gives suspects back for a while, uncounted, with one call.
    async fn put_off(&mut self, node: &Node, suspects: Vec<Suspect>, in_vain: u32) {
        let mut releases = Vec::with_capacity(suspects.len());
        for suspect in &suspects {
            let mut waits = self.waits_of(&suspect.item);
            let pause = PUT_OFF_MIN.saturating_mul(1 << waits.all.min(16));
            waits.all = waits.all.saturating_add(1);
            waits.in_vain = waits.in_vain.saturating_add(in_vain);
            self.waits.put(suspect.item.clone(), waits);
            releases.push(Release {
                lease: suspect.work.lease(),
                delay: node.entropy.jittered(pause.min(PUT_OFF_MAX)),
                count_attempt: false,
            });
        }
        node.release_all(releases).await;
        for suspect in suspects {
            suspect.held.finish();
            suspect.slot.give_back();
        }
    }
}

/// Puts first what has died most often. Among equals the order is turned round with each attempt:
/// whoever was tried before the deadly one, and so was counted with it, is tried after it the next
/// time.
fn in_order(suspects: &mut [Suspect]) {
    suspects.sort_unstable_by(|a, b| {
        let (attempt, other) = (a.work.attempt(), b.work.attempt());
        let by_item = if attempt % 2 == 0 {
            b.item.cmp(&a.item)
        } else {
            a.item.cmp(&b.item)
        };
        other.cmp(&attempt).then(by_item)
    });
}
