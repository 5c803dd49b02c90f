//! Claims work for the free slots, and sleeps when there is none.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::activity_slots::Pool;
use super::isolation::Isolation;
use super::lease_keeper::LeaseGuard;
use super::node::Node;
use super::rotation::Rotation;
use super::slots::{Slot, Slots};
use super::suspect::{Suspect, Work, give_back_company};
use super::turn::turn_bytes_max;
use crate::limits::{CLAIM_ITEMS_MAX, TURN_MESSAGES_MAX};
use crate::providers::{ClaimActivities, ClaimTurns, Claimed, ProviderError, Queues, TaskQueue};

/// The pauses after failed claims.
const ERROR_PAUSE_MIN: Duration = Duration::from_millis(50);
const ERROR_PAUSE_MAX: Duration = Duration::from_secs(2);

/// How long the claim after something was passed on waits, so that another node has it by then.
const PASS_ON_PAUSE: Duration = Duration::from_millis(100);

/// Claims until the runtime stops. A claim that is under way then is waited for, and what it brings
/// is given back at once.
pub(super) async fn run(node: &Arc<Node>) {
    dispatch(node).await;
    node.health.end_hold();
    node.leases.release_granted(&*node.store).await;
}

async fn dispatch(node: &Arc<Node>) {
    let mut error_pause = ERROR_PAUSE_MIN;
    let mut probe_pause = ERROR_PAUSE_MIN;
    let mut was_empty = false;
    let mut isolation = Isolation::default();
    while !node.stopping.is_cancelled() {
        // A store that always answers at once leaves nothing else to the runtime's thread otherwise.
        tokio::task::consume_budget().await;
        isolation.hold_is_over(node).now_or_never();
        let mut items_max = CLAIM_ITEMS_MAX;
        if node.health.is_failing("commit") {
            // What is claimed now could not be committed either. One item at a time finds out when
            // commits succeed again, and leaves the others alone.
            items_max = 1;
            pause_for(node, node.entropy.jittered(probe_pause)).await;
            probe_pause = (probe_pause * 2).min(ERROR_PAUSE_MAX);
        } else {
            probe_pause = ERROR_PAUSE_MIN;
        }
        if node.claims_paused.swap(false, Ordering::AcqRel) {
            pause_for(node, node.entropy.jittered(PASS_ON_PAUSE)).await;
        }
        let claimed = claim(node, items_max, &mut isolation).await;
        node.health.note("claim", &claimed, &*node.clock);
        let pause = match claimed {
            Ok(found) => {
                error_pause = ERROR_PAUSE_MIN;
                if found.more {
                    was_empty = false;
                    continue;
                }
                let woken_in_vain = std::mem::replace(&mut was_empty, !found.any) && !found.any;
                Pause::Idle { woken_in_vain }
            }
            Err(error) => {
                tracing::warn!(target: "duroxide::runtime", %error, "work cannot be claimed");
                let pause = node.entropy.jittered(error_pause);
                error_pause = (error_pause * 2).min(ERROR_PAUSE_MAX);
                Pause::Error(pause)
            }
        };
        tokio::select! {
            biased;
            () = node.stopping.cancelled() => return,
            () = isolation.hold_is_over(node) => {}
            () = wait(node, &pause) => {}
        }
    }
}

async fn pause_for(node: &Node, pause: Duration) {
    tokio::select! {
        biased;
        () = node.stopping.cancelled() => {}
        () = node.clock.sleep(pause) => {}
    }
}

/// What a claim came to.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    /// There was something.
    any: bool,
    /// There is more, or there may be.
    more: bool,
}

/// What a claim brought.
#[derive(Debug, Default)]
struct Batch {
    found: Found,
    /// What may start.
    ready: Vec<(Work, LeaseGuard, Slot)>,
    /// What must run alone.
    suspects: Vec<Suspect>,
}

impl Batch {
    fn start(&mut self, node: &Arc<Node>) {
        for (work, held, slot) in self.ready.drain(..) {
            work.start(node, held, slot);
        }
    }
}

/// Claims turns and activities at once, which a store behind a network can do in one round trip.
///
/// The turns begin once both have answered. One that began while the other claim still had all the
/// activity slots could reserve none of them for what it schedules, which would have to be claimed.
async fn claim(
    node: &Arc<Node>,
    items_max: usize,
    isolation: &mut Isolation,
) -> Result<Found, ProviderError> {
    let has_room = isolation.take_room();
    // All slots first, so that the calls begin right after one another.
    let turn_slots = take_slots(&node.turn_slots, items_max);
    let pools = node.activity_slots.pools().iter();
    let activity_slots: Vec<_> = pools
        .map(|pool| (pool, take_slots(&pool.slots, items_max)))
        .collect();
    // One call for each pool: a claim of all their queues could bring more than one of them has slots.
    let of_pools = activity_slots
        .into_iter()
        .map(|(pool, slots)| claim_activities(node, pool, slots, !has_room));
    let (mut turns, mut activities) =
        tokio::join!(claim_turns(node, turn_slots), join_all(of_pools));
    let mut suspects = Vec::new();
    for batch in batches(&mut turns, &mut activities) {
        suspects.append(&mut batch.suspects);
    }
    let is_strict = has_room && suspects.iter().any(|it| it.suspicion.is_strict);
    for batch in batches(&mut turns, &mut activities) {
        if is_strict {
            give_back_company(node, std::mem::take(&mut batch.ready)).await;
        } else {
            batch.start(node);
        }
    }
    isolation.admit(node, suspects).await;
    let mut found = turns?.found;
    for batch in activities {
        let of_pool = batch?.found;
        found.any |= of_pool.any;
        found.more |= of_pool.more;
    }
    Ok(found)
}

/// What each of the claims has brought that did not fail.
fn batches<'a>(
    turns: &'a mut Result<Batch, ProviderError>,
    activities: &'a mut [Result<Batch, ProviderError>],
) -> impl Iterator<Item = &'a mut Batch> {
    let activities = activities.iter_mut().filter_map(|it| it.as_mut().ok());
    turns.as_mut().ok().into_iter().chain(activities)
}

async fn claim_turns(node: &Arc<Node>, slots: Vec<Slot>) -> Result<Batch, ProviderError> {
    if slots.is_empty() || node.turn_queues.all().is_empty() {
        give_back_each(slots);
        return Ok(Batch::default());
    }
    let turns_max = slots.len();
    let claim = |queues| async move {
        let request = ClaimTurns {
            messages_max: TURN_MESSAGES_MAX,
            bytes_max: turn_bytes_max(&node.limits),
            ..ClaimTurns::new(queues, turns_max, node.options.orchestrator_lock_timeout)
        };
        node.store.claim_turns(&request).await
    };
    let claimed = claim_in_turn(&node.turn_queues, turns_max, claim).await;
    sort_out(node, claimed, slots, Work::Turn)
}

/// Starts what it brings when it is there, if all of it may start.
async fn claim_activities(
    node: &Arc<Node>,
    pool: &Pool,
    slots: Vec<Slot>,
    starts: bool,
) -> Result<Batch, ProviderError> {
    if slots.is_empty() {
        return Ok(Batch::default());
    }
    let activities_max = slots.len();
    let claim = |queues| async move {
        let request =
            ClaimActivities::new(queues, activities_max, node.options.worker_lock_timeout);
        node.store.claim_activities(&request).await
    };
    let claimed = claim_in_turn(&pool.queues, activities_max, claim).await;
    let mut batch = sort_out(node, claimed, slots, Work::Activity)?;
    if starts {
        batch.start(node);
    }
    Ok(batch)
}

/// Claims of the queues whose turn it is, and of all of them if these have nothing.
async fn claim_in_turn<T, F>(
    queues: &Rotation,
    items_max: usize,
    claim: impl Fn(Vec<TaskQueue>) -> F,
) -> Result<Claimed<T>, ProviderError>
where
    F: Future<Output = Result<Claimed<T>, ProviderError>>,
{
    let first = queues.take(items_max);
    if first.len() == queues.all().len() {
        return claim(first).await;
    }
    let mut claimed = claim(first).await?;
    if claimed.items.is_empty() {
        return claim(queues.all().to_vec()).await;
    }
    // There may be more in the others.
    claimed.more = true;
    Ok(claimed)
}

/// The slots that a claim may fill. They are taken before it: what was free then may be taken by
/// the time it answers, and a claimed item that nobody works on rests until its lease has passed.
fn take_slots(slots: &Slots, slots_max: usize) -> Vec<Slot> {
    std::iter::from_fn(|| slots.try_take())
        .take(slots_max)
        .collect()
}

fn give_back_each(slots: Vec<Slot>) {
    slots.into_iter().for_each(Slot::give_back);
}

/// Gives each claimed item a slot, puts those apart that must run alone, and gives the other slots
/// back. From now on the leases are renewed.
fn sort_out<T>(
    node: &Arc<Node>,
    claimed: Result<Claimed<T>, ProviderError>,
    slots: Vec<Slot>,
    work: impl Fn(T) -> Work,
) -> Result<Batch, ProviderError> {
    let (items, answer) = match claimed {
        Ok(claimed) => {
            let found = Found {
                any: !claimed.items.is_empty(),
                more: claimed.more,
            };
            (claimed.items, Ok(found))
        }
        Err(error) => (Vec::new(), Err(error)),
    };
    let mut batch = Batch::default();
    // Asked once: a stop that comes later finds the tasks.
    let is_stopping = node.stopping.is_cancelled();
    let mut items = items.into_iter();
    for slot in slots {
        let Some(work) = items.next().map(&work) else {
            slot.give_back();
            continue;
        };
        let (lease, attempt) = (work.lease(), work.attempt());
        // One whose code is not entered need not run alone.
        let suspect = node
            .attempts
            .suspect(attempt, &lease)
            .filter(|_| !work.asks_no_code(node));
        let held = node.leases.hold(lease, attempt);
        if is_stopping {
            drop(held);
            slot.give_back();
            continue;
        }
        match suspect {
            Some(suspicion) => batch.suspects.push(Suspect {
                suspicion,
                work,
                held,
                slot,
            }),
            None => batch.ready.push((work, held, slot)),
        }
    }
    batch.found = answer?;
    Ok(batch)
}

/// Why nothing is claimed for now.
enum Pause {
    Error(Duration),
    Idle { woken_in_vain: bool },
}

/// Waits for work that fits a free slot, for a slot, or for an error to pass.
async fn wait(node: &Node, pause: &Pause) {
    let woken_in_vain = match pause {
        Pause::Error(pause) => return node.clock.sleep(*pause).await,
        Pause::Idle { woken_in_vain } => *woken_in_vain,
    };
    if woken_in_vain && !node.store.capabilities().push_wakeups {
        node.clock
            .sleep(node.options.dispatcher_min_poll_interval)
            .await;
    }
    // Each kind is looked at once: what is freed after that is heard of, and was waited for until then.
    let (free, full): (Vec<&Slots>, Vec<&Slots>) =
        node.all_slots().partition(|slots| slots.has_some());
    let is_free = |slots: &Slots| free.iter().any(|it| std::ptr::eq(*it, slots));
    let pools = node.activity_slots.pools().iter();
    let queues = Queues {
        turns: if is_free(&node.turn_slots) {
            node.turn_queues.all().to_vec()
        } else {
            Vec::new()
        },
        activities: pools
            .filter(|pool| is_free(&pool.slots))
            .flat_map(|pool| pool.queues.all().iter().cloned())
            .collect(),
    };
    let max_wait = node.options.dispatcher_long_poll_timeout;
    tokio::select! {
        biased;
        () = Slots::any_freed(full.into_iter()) => {}
        result = node.store.wait_for_work(&queues, max_wait) => {
            if let Err(error) = result {
                tracing::warn!(target: "duroxide::runtime", %error, "work cannot be waited for");
                node.clock.sleep(ERROR_PAUSE_MIN).await;
            }
        }
    }
}
