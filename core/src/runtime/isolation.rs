//! Runs what may have killed its process with nothing beside it, so that only its own attempts
//! count against it.
//!
//! The store cannot tell which of the items that a process had in hand has killed it. An item of so
//! many attempts is a *suspect*. The dispatcher lets its node drain, runs the suspect, and claims
//! nothing beside it until it ends or has lasted so long that it is not worth idling for. One
//! suspect is tried at a time; others that were claimed with it go back to the store, since they
//! would be counted too. Each that the process survives makes room for twice as many at once, and
//! they are waited for a shorter time, so that a crowd of innocent ones is soon through.
//!
//! Turns run beside activities that are suspects, but for the first moments of the first one. They
//! commit soon, and start their count anew with that; one that dies twice is a suspect itself.
//!
//! All this may still count against an item what another one has done that takes longer to kill its
//! process. So the last attempts before an item is poison are *strict*: nothing runs beside them,
//! whatever it costs the node.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use lru::LruCache;
use tokio::sync::mpsc;

use super::attempts::{Item, Suspicion};
use super::node::Node;
use super::suspect::{PUT_OFF_MIN, Suspect, Work, in_order, release};
use crate::clock::{Clock as _, Sleep, SystemClock};
use crate::limits::{
    CLAIM_ITEMS_MAX, ISOLATION_DRAIN_MAX, ISOLATION_MAX, ISOLATION_MIN, ISOLATION_TRIES_MAX,
};
use crate::providers::LeaseToken;

/// How long a suspect that has to wait is left to the store at most.
const PUT_OFF_MAX: Duration = Duration::from_secs(30);

/// The same at most for one that waits in vain to run strictly alone.
const PUT_OFF_STRICT_MAX: Duration = Duration::from_mins(10);

/// How often it is looked at whether one that runs strictly alone still has its lease.
const STRICT_LOOK_PAUSE: Duration = Duration::from_millis(250);

/// For how long a node that did not drain is not asked to again.
const BUSY_FOR: Duration = Duration::from_secs(30);

/// For how long the trust that suspects have earned lasts after the latest of them.
const TRUST_FOR: Duration = Duration::from_mins(2);

/// How many suspects are remembered that had to wait.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

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

    async fn passes(&mut self) {
        if let Some(sleep) = &mut self.0 {
            sleep.await;
        }
        self.0 = None;
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

impl Round {
    fn has_ended(&self) -> bool {
        self.running.sender_strong_count() == 0
    }

    /// Ends when all of them have ended, or they are watched no longer.
    async fn is_over(&mut self) {
        tokio::select! {
            biased;
            _ = self.running.recv() => {}
            () = self.watched.passes() => {}
        }
    }
}

/// For how long what is kept from running beside suspects, from their start.
#[derive(Debug, Clone, Copy)]
struct Hold {
    turns: Duration,
    activities: Duration,
}

impl Hold {
    fn new(suspects: &[Suspect], is_first_round: bool) -> Self {
        let activities = if is_first_round {
            ISOLATION_MAX
        } else {
            ISOLATION_MIN
        };
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
    /// No activities begin beside the last round.
    holds_activities: bool,
    /// The node has drained for what runs strictly alone.
    has_room: bool,
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
            holds_activities: false,
            has_room: false,
            width: 1,
            trusted: Until::default(),
            busy: Until::default(),
            waits: LruCache::new(REMEMBERED_MAX),
        }
    }
}

impl Isolation {
    /// Runs the first of these suspects alone, and puts the others off. Comes back when turns may run
    /// beside it, or the runtime stops; activities are held back until
    /// [`hold_is_over`](Self::hold_is_over).
    pub(super) async fn admit(&mut self, node: &Arc<Node>, mut suspects: Vec<Suspect>) {
        if suspects.is_empty() {
            return;
        }
        in_order(&mut suspects);
        let last = self.rounds.last_mut();
        if last.is_some_and(|round| round.is_over().now_or_never().is_none()) {
            return self.put_off(node, suspects, 0).await;
        }
        self.end_hold(node);
        self.rounds.retain(|round| !round.has_ended());
        if self.trusted.has_passed() {
            self.width = 1;
        }
        let is_strict = suspects
            .first()
            .is_some_and(|suspect| suspect.suspicion.is_strict);
        let width = if is_strict { 1 } else { self.width };
        let others = suspects.split_off(width.min(suspects.len()));
        self.put_off(node, others, 0).await;
        if is_strict {
            return self.admit_strictly(node, suspects).await;
        }
        let waits_most = suspects
            .iter()
            .map(|suspect| self.waits_of(&suspect.suspicion.item).in_vain);
        if waits_most.max() >= Some(ISOLATION_TRIES_MAX) {
            return self.start(node, suspects, ISOLATION_MAX);
        }
        if !self.busy.has_passed() {
            return self.put_off(node, suspects, 0).await;
        }
        self.run_alone(node, suspects).await;
    }

    /// Runs this one if nothing else runs on this node, and until it has ended.
    async fn admit_strictly(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>) {
        self.hold(node);
        if self.rounds.is_empty() && self.is_drained(node, suspects.len(), true) {
            let token = suspects.first().map(|suspect| suspect.work.lease().token());
            self.start(node, suspects, Duration::ZERO);
            if let (Some(token), Some(round)) = (token, self.rounds.last_mut()) {
                until_nothing_counts(node, round, token).await;
            }
            self.end_hold(node);
        } else if self.rounds.is_empty() && self.busy.has_passed() {
            self.make_room(node, suspects).await;
            self.end_hold(node);
        } else {
            self.end_hold(node);
            self.put_off(node, suspects, 1).await;
        }
    }

    /// Lets the node drain for what must run strictly alone. That is given back before, and claimed
    /// anew: if its process died meanwhile, that must not count against it.
    async fn make_room(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>) {
        for suspect in &suspects {
            let mut waits = self.waits_of(&suspect.suspicion.item);
            waits.in_vain = waits.in_vain.saturating_add(1);
            self.waits.put(suspect.suspicion.item.clone(), waits);
        }
        let at_once = suspects
            .into_iter()
            .map(|suspect| (suspect, Duration::ZERO));
        release(node, at_once.collect()).await;
        self.has_room = tokio::select! {
            biased;
            () = node.stopping.cancelled() => return,
            () = self.drained(node, 0, true) => true,
            () = node.clock.sleep(ISOLATION_DRAIN_MAX) => false,
        };
        // If it does not come with the next claim, the node works for a while.
        self.busy = Until::in_so_long(node, BUSY_FOR);
    }

    /// Whether the node has drained for what may come with the next claim, so that nothing else of
    /// that claim is to begin before it.
    pub(super) fn take_room(&mut self) -> bool {
        std::mem::take(&mut self.has_room)
    }

    /// Ends when activities may begin again that were held back; never, if none are. What is dropped
    /// before its end is called again.
    pub(super) async fn hold_is_over(&mut self, node: &Node) {
        if !self.holds_activities {
            return std::future::pending().await;
        }
        if let Some(round) = self.rounds.last_mut() {
            round.is_over().await;
        }
        self.end_hold(node);
    }

    fn hold(&mut self, node: &Node) {
        node.activity_slots.pause();
        self.holds_activities = true;
    }

    fn end_hold(&mut self, node: &Node) {
        if std::mem::take(&mut self.holds_activities) {
            node.activity_slots.resume();
        }
    }

    async fn run_alone(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>) {
        let hold = Hold::new(&suspects, self.width == 1);
        let with_turns = !hold.turns.is_zero();
        self.hold(node);
        let drained = tokio::select! {
            biased;
            // What is dropped here is given back.
            () = node.stopping.cancelled() => return,
            () = self.drained(node, suspects.len(), with_turns) => true,
            () = node.clock.sleep(ISOLATION_DRAIN_MAX) => false,
        };
        if !drained {
            self.end_hold(node);
            self.busy = Until::in_so_long(node, BUSY_FOR);
            return self.put_off(node, suspects, 1).await;
        }
        self.start(node, suspects, hold.activities);
        let Some(round) = self.rounds.last_mut() else {
            return;
        };
        tokio::select! {
            biased;
            () = node.stopping.cancelled() => {}
            _ = round.running.recv() => {}
            () = node.clock.sleep(hold.turns) => {}
        }
    }

    fn waits_of(&self, item: &Item) -> Waits {
        self.waits.peek(item).copied().unwrap_or_default()
    }

    /// Waits until nothing runs on this node but suspects that have lasted, and these, which have
    /// their slots and have not begun.
    async fn drained(&mut self, node: &Node, suspects: usize, with_turns: bool) {
        while !self.is_drained(node, suspects, with_turns) {
            node.turn_slots.freed().await;
        }
    }

    fn is_drained(&self, node: &Node, suspects: usize, with_turns: bool) -> bool {
        let lasting: usize = self
            .rounds
            .iter()
            .map(|round| round.running.sender_strong_count())
            .sum();
        let turns = if with_turns {
            node.turn_slots.taken()
        } else {
            0
        };
        turns + node.activity_slots.taken() <= suspects + lasting
    }

    fn start(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>, watched_for: Duration) {
        let (watcher, running) = mpsc::channel(1);
        for suspect in suspects {
            let Suspect {
                suspicion: Suspicion { item, is_strict },
                work,
                held,
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
                strictly_alone = is_strict,
                "its earlier attempts have not ended; if its process dies again, that counts against it"
            );
            held.watch(watcher.clone());
            work.start(node, held, slot);
        }
        self.rounds.push(Round {
            running,
            watched: Until::in_so_long(node, watched_for),
        });
        self.width = (self.width * 2).min(CLAIM_ITEMS_MAX);
        self.trusted = Until::in_so_long(node, TRUST_FOR);
    }

    /// Gives suspects back for a while, which is longer each time.
    async fn put_off(&mut self, node: &Node, suspects: Vec<Suspect>, in_vain: u32) {
        let mut put_off = Vec::with_capacity(suspects.len());
        for suspect in suspects {
            let Suspicion { item, is_strict } = &suspect.suspicion;
            let mut waits = self.waits_of(item);
            let mut pause = PUT_OFF_MIN.saturating_mul(1 << waits.all.min(16));
            pause = pause.min(PUT_OFF_MAX);
            waits.all = waits.all.saturating_add(1);
            waits.in_vain = waits.in_vain.saturating_add(in_vain);
            self.waits.put(item.clone(), waits);
            if *is_strict && waits.in_vain > 0 {
                pause = PUT_OFF_MAX.saturating_mul(1 << (waits.in_vain - 1).min(16));
                pause = pause.min(PUT_OFF_STRICT_MAX);
                tracing::warn!(
                    target: "duroxide::runtime",
                    %item,
                    attempt = suspect.work.attempt(),
                    waited_in_vain = waits.in_vain,
                    "its earlier attempts have not ended, and it waits for a node on which nothing else runs"
                );
            }
            put_off.push((suspect, node.entropy.jittered(pause)));
        }
        release(node, put_off).await;
    }
}

/// Waits until the only one of this round has ended, however long it takes, or its lease is gone, so
/// that whatever it still does to its process counts no more; or the runtime stops. In real time,
/// since a lease that is given up tells nobody.
async fn until_nothing_counts(node: &Node, round: &mut Round, token: LeaseToken) {
    while node.leases.holds(token) {
        tokio::select! {
            biased;
            () = node.stopping.cancelled() => return,
            _ = round.running.recv() => return,
            () = SystemClock.sleep(STRICT_LOOK_PAUSE) => {}
        }
    }
}
