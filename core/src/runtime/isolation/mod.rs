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
//! Where that is of no use, suspects are tried beside other work, in rounds that grow in the same
//! way: on a node that has not drained several times in a row, and once more suspects have lasted
//! than one claim brings.
//!
//! Turns run beside activities that are suspects, but for the first moments of the first one. They
//! commit soon, and start their count anew with that; one that dies twice is a suspect itself.
//!
//! All this may still count against an item what another one has done that takes longer to kill its
//! process. So the last attempts before an item is poison are *strict*: nothing runs beside them. A
//! node that idled for them for ever would be lost if they wait for what it must do, so that even
//! this has a limit.

mod drains;
mod round;
#[cfg(test)]
mod tests;
mod trust;
mod until;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use tokio::sync::mpsc;

use self::drains::Drains;
use self::round::{Hold, Round, watched_for};
use self::trust::Trust;
use super::attempts::{Item, Suspicion};
use super::node::Node;
use super::slots::Slots;
use super::suspect::{PUT_OFF_MIN, Suspect, in_order, release};
use crate::limits::{
    CLAIM_ITEMS_MAX, ISOLATION_DRAIN_MAX, ISOLATION_MIN, ISOLATION_STRICT_MAX, ISOLATION_TRIES_MAX,
};

/// How long a suspect that has to wait is left to the store at most.
const PUT_OFF_MAX: Duration = Duration::from_secs(30);

/// The same at most for one that waits in vain to run strictly alone.
const PUT_OFF_STRICT_MAX: Duration = Duration::from_mins(10);

/// How often the log repeats that a node idles for something.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// How many suspects are remembered that had to wait.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

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
    trust: Trust,
    drains: Drains,
    waits: LruCache<Item, Waits>,
}

impl Default for Isolation {
    fn default() -> Self {
        Self {
            rounds: Vec::new(),
            holds_activities: false,
            has_room: false,
            trust: Trust::default(),
            drains: Drains::default(),
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
        if self.rounds.last_mut().is_some_and(|it| !it.has_passed()) {
            let others = self.join(node, suspects);
            return self.put_off(node, others, 0).await;
        }
        self.end_hold(node);
        self.rounds.retain(|round| !round.has_ended());
        let is_strict = is_strict(suspects.first());
        let width = if is_strict { 1 } else { self.trust.width() };
        let others = suspects.split_off(width.min(suspects.len()));
        self.put_off(node, others, 0).await;
        if is_strict {
            self.admit_strictly(node, suspects).await;
        } else if self.may_run_beside_others(node, &suspects, width) {
            self.start(node, suspects, watched_for(width == 1), width);
        } else if self.drains.is_busy() {
            self.put_off(node, suspects, 0).await;
        } else {
            self.run_alone(node, suspects, width).await;
        }
    }

    /// Tries those with the last round that it has room for, and answers the others.
    fn join(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>) -> Vec<Suspect> {
        let (mut others, mut joining): (Vec<_>, Vec<_>) = suspects
            .into_iter()
            .partition(|suspect| suspect.suspicion.is_strict);
        let taken = self.rounds.last_mut().and_then(|round| {
            let taken = round.take_in(joining.len())?;
            // Nobody idles for those that come later.
            if taken.0 > 0 && !self.holds_activities {
                round.watch_for(node, ISOLATION_MIN);
            }
            Some(taken)
        });
        let Some((count, watcher)) = taken else {
            others.append(&mut joining);
            return others;
        };
        others.extend(joining.split_off(count));
        for suspect in joining {
            self.begin(node, suspect, &watcher);
        }
        others
    }

    /// Whether the node is not to drain for these: so many suspects have lasted that it does not pay,
    /// or it never drains, or one of these has waited in vain too often.
    fn may_run_beside_others(&mut self, node: &Node, suspects: &[Suspect], width: usize) -> bool {
        let has_waited = |suspect: &Suspect| {
            self.waits_of(&suspect.suspicion.item).in_vain >= ISOLATION_TRIES_MAX
        };
        width > CLAIM_ITEMS_MAX
            || suspects.iter().any(has_waited)
            || self.drains.is_hopeless() && !self.is_drained(node, suspects.len(), true)
    }

    /// Runs this one if nothing else runs on this node, and until it has ended or has taken longer
    /// than any node can idle.
    async fn admit_strictly(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>) {
        self.hold(node, &suspects);
        if self.rounds.is_empty() && self.is_drained(node, suspects.len(), true) {
            let item = suspects.first().map(|it| it.suspicion.item.clone());
            self.start(node, suspects, ISOLATION_STRICT_MAX, 1);
            if let (Some(item), Some(round)) = (item, self.rounds.last_mut()) {
                passes_strictly(node, round, &item).await;
            }
            self.end_hold(node);
            // There may be more of them, and the node has other work as well.
            self.drains.rest(node);
        } else if self.rounds.is_empty() && !self.drains.is_busy() {
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
        if self.has_room {
            self.drains.succeeded();
            // If it does not come with the next claim, the node works for a while.
            self.drains.rest(node);
        } else {
            self.drains.failed(node);
        }
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
            round.passes().await;
        }
        self.end_hold(node);
    }

    /// Has no activities begin beside these.
    fn hold(&mut self, node: &Node, suspects: &[Suspect]) {
        node.activity_slots.pause();
        self.holds_activities = true;
        let items = suspects.iter().map(|it| it.suspicion.item.to_string());
        node.health.hold_back(items, node.clock.now_ms());
    }

    fn end_hold(&mut self, node: &Node) {
        if std::mem::take(&mut self.holds_activities) {
            node.activity_slots.resume();
            node.health.end_hold();
        }
    }

    /// Runs these when the node has drained, and puts them off if it does not.
    async fn run_alone(&mut self, node: &Arc<Node>, suspects: Vec<Suspect>, width: usize) {
        let hold = Hold::new(&suspects, width == 1);
        let with_turns = !hold.turns.is_zero();
        self.hold(node, &suspects);
        let drained = tokio::select! {
            biased;
            // What is dropped here is given back.
            () = node.stopping.cancelled() => return,
            () = self.drained(node, suspects.len(), with_turns) => true,
            () = node.clock.sleep(ISOLATION_DRAIN_MAX) => false,
        };
        if !drained {
            self.end_hold(node);
            self.drains.failed(node);
            return self.put_off(node, suspects, 1).await;
        }
        self.drains.succeeded();
        self.start(node, suspects, hold.activities, width);
        let Some(round) = self.rounds.last_mut() else {
            return;
        };
        tokio::select! {
            biased;
            () = node.stopping.cancelled() => {}
            () = round.ends() => {}
            () = node.clock.sleep(hold.turns) => {}
        }
        node.health.hold_back_activities_only();
    }

    fn waits_of(&self, item: &Item) -> Waits {
        self.waits.peek(item).copied().unwrap_or_default()
    }

    /// Waits until nothing runs on this node but suspects that have lasted, and these, which have
    /// their slots and have not begun.
    async fn drained(&mut self, node: &Node, suspects: usize, with_turns: bool) {
        while !self.is_drained(node, suspects, with_turns) {
            Slots::any_freed(node.all_slots()).await;
        }
    }

    fn is_drained(&self, node: &Node, suspects: usize, with_turns: bool) -> bool {
        let lasting: usize = self.rounds.iter().map(Round::lasting).sum();
        let turns = if with_turns {
            node.turn_slots.taken()
        } else {
            0
        };
        turns + node.activity_slots.taken() <= suspects + lasting
    }

    /// Begins a round with these, which others may join until so many are in it.
    fn start(
        &mut self,
        node: &Arc<Node>,
        suspects: Vec<Suspect>,
        watched_for: Duration,
        width: usize,
    ) {
        let room = width.saturating_sub(suspects.len());
        let (round, watcher) = Round::begin(node, watched_for, room);
        for suspect in suspects {
            self.begin(node, suspect, &watcher);
        }
        self.rounds.push(round);
        self.trust.grow(node);
    }

    /// Starts one, which holds the watcher as long as it has its lease.
    fn begin(&mut self, node: &Arc<Node>, suspect: Suspect, watcher: &mpsc::Sender<()>) {
        let Suspect {
            suspicion: Suspicion { item, is_strict },
            work,
            held,
            slot,
        } = suspect;
        self.waits.pop(&item);
        if held.cancel.is_cancelled() {
            // It was cancelled, or the lease was lost, while it waited.
            return;
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

    /// Gives suspects back for a while, which is longer each time.
    async fn put_off(&mut self, node: &Node, suspects: Vec<Suspect>, in_vain: u32) {
        let mut put_off = Vec::with_capacity(suspects.len());
        let mut longest = None;
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
            if !is_strict {
                longest = longest.max(Some(pause));
            }
            put_off.push((suspect, node.entropy.jittered(pause)));
        }
        if let Some(longest) = longest {
            self.trust.keep(node, longest);
        }
        release(node, put_off).await;
    }
}

fn is_strict(suspect: Option<&Suspect>) -> bool {
    suspect.is_some_and(|suspect| suspect.suspicion.is_strict)
}

/// Waits until the only one of this round has ended, or its lease is gone, so that whatever it still
/// does to its process counts no more; or it has taken too long, or the runtime stops.
async fn passes_strictly(node: &Node, round: &mut Round, item: &Item) {
    tracing::warn!(
        target: "duroxide::runtime",
        worker_id = node.worker_id,
        %item,
        at_most = ?ISOLATION_STRICT_MAX,
        "this node takes on nothing else until that has ended: it is one of its last attempts"
    );
    let began_at = node.clock.elapsed();
    loop {
        tokio::select! {
            biased;
            () = node.stopping.cancelled() => return,
            () = round.passes() => break,
            () = node.clock.sleep(WARN_EVERY) => {}
        }
        tracing::warn!(
            target: "duroxide::runtime",
            worker_id = node.worker_id,
            %item,
            after = ?node.clock.elapsed().saturating_sub(began_at),
            "this node still takes on nothing else until that has ended"
        );
    }
    if !round.has_ended() {
        tracing::warn!(
            target: "duroxide::runtime",
            worker_id = node.worker_id,
            %item,
            "this node has taken on nothing else for as long as it may, and goes on beside that"
        );
    }
}
