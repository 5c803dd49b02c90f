//! Claims work for the free slots, and sleeps when there is none.

use std::sync::Arc;
use std::time::Duration;

use super::activity_worker;
use super::node::Node;
use super::turn;
use crate::providers::{
    ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, ProviderError, Queues, TaskQueue, Turn,
};

/// How much one claim asks for.
const CLAIM_ITEMS_MAX: usize = 64;
const TURN_MESSAGES_MAX: usize = 1_000;
const TURN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The pauses after failed claims.
const ERROR_PAUSE_MIN: Duration = Duration::from_millis(50);
const ERROR_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Claims until the runtime stops.
pub(super) async fn run(node: Arc<Node>) {
    let mut error_pause = ERROR_PAUSE_MIN;
    let mut was_empty = false;
    while !node.stopping.is_cancelled() {
        let claimed = claim(&node).await;
        let pause = match claimed {
            Ok(found) => {
                error_pause = ERROR_PAUSE_MIN;
                if matches!(found, Found::Work) {
                    was_empty = false;
                    continue;
                }
                let woken_in_vain = std::mem::replace(&mut was_empty, true);
                Pause::Idle { woken_in_vain }
            }
            Err(error) => {
                tracing::warn!(target: "duroxide::runtime", %error, "work cannot be claimed");
                let pause = error_pause;
                error_pause = (error_pause * 2).min(ERROR_PAUSE_MAX);
                Pause::Error(pause)
            }
        };
        tokio::select! {
            biased;
            () = node.stopping.cancelled() => return,
            () = wait(&node, &pause) => {}
        }
    }
}

enum Found {
    Work,
    Nothing,
}

async fn claim(node: &Arc<Node>) -> Result<Found, ProviderError> {
    let turns = claim_turns(node).await?;
    let activities = claim_activities(node).await?;
    Ok(if turns || activities {
        Found::Work
    } else {
        Found::Nothing
    })
}

/// True if there was something, or is more.
async fn claim_turns(node: &Arc<Node>) -> Result<bool, ProviderError> {
    let turns_max = node.turn_slots.free().min(CLAIM_ITEMS_MAX);
    if turns_max == 0 {
        return Ok(false);
    }
    let request = ClaimTurns {
        turns_max,
        messages_max: TURN_MESSAGES_MAX,
        bytes_max: TURN_BYTES_MAX,
        lease: node.options.orchestrator_lock_timeout,
    };
    let Claimed { items, .. }: Claimed<Turn> = node.store.claim_turns(&request).await?;
    let found = !items.is_empty();
    for item in items {
        // Only this task takes turn slots, so what was free still is.
        if let Some(slot) = node.turn_slots.try_take() {
            node.spawn(turn::run(Arc::clone(node), item, slot));
        }
    }
    Ok(found)
}

/// True if there was something, or is more.
async fn claim_activities(node: &Arc<Node>) -> Result<bool, ProviderError> {
    // Turns reserve slots for their own activities meanwhile; so the slots are taken first.
    let mut slots = Vec::new();
    while slots.len() < CLAIM_ITEMS_MAX
        && let Some(slot) = node.activity_slots.try_take()
    {
        slots.push(slot);
    }
    if slots.is_empty() {
        return Ok(false);
    }
    let request = ClaimActivities {
        queues: vec![TaskQueue::default()],
        activities_max: slots.len(),
        lease: node.options.worker_lock_timeout,
    };
    let claimed: Result<Claimed<ClaimedActivity>, ProviderError> =
        node.store.claim_activities(&request).await;
    let mut items = claimed
        .as_ref()
        .map_or_else(|_| Vec::new(), |claimed| claimed.items.clone());
    let found = !items.is_empty();
    for slot in slots {
        match items.pop() {
            Some(item) => node.spawn(activity_worker::run(Arc::clone(node), item, slot)),
            None => slot.give_back(),
        }
    }
    claimed.map(|_| found)
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
    let activities_free = node.activity_slots.free() > 0;
    let queues = Queues {
        turns: node.turn_slots.free() > 0,
        activities: activities_free
            .then(TaskQueue::default)
            .into_iter()
            .collect(),
    };
    let full = !queues.turns || !activities_free;
    let max_wait = node.options.dispatcher_long_poll_timeout;
    tokio::select! {
        biased;
        () = node.turn_slots.freed(), if full => {}
        result = node.store.wait_for_work(&queues, max_wait) => {
            if let Err(error) = result {
                tracing::warn!(target: "duroxide::runtime", %error, "work cannot be waited for");
                node.clock.sleep(ERROR_PAUSE_MIN).await;
            }
        }
    }
}
