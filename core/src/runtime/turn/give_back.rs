//! Giving a claimed turn back.

use std::sync::Arc;
use std::time::Duration;

use super::occasion::Occasion;
use crate::message::{CoreState, Notice};
use crate::providers::{
    Commit, HeadUpdate, Lease, ProviderError, ReleasedAttempts, TurnCommit, TurnLease,
};
use crate::runtime::attempts::Item;
use crate::runtime::give_back::{Returned, Unfit};
use crate::runtime::lease_keeper::LeaseGuard;
use crate::runtime::node::Node;
use crate::runtime::obstacle::{Obstacle, ObstacleKind};

/// How long a turn is kept, at most, before it is given back with control that nobody took in.
const CONTROL_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Gives a turn back for a while; its attempt does not count. Whoever waits for the instance is told
/// if it lasts.
pub(super) async fn give_back(
    node: &Arc<Node>,
    turn: &Occasion,
    lease: TurnLease,
    held: LeaseGuard,
    obstacle: &Obstacle,
) {
    let unfit = match (obstacle, turn.head.commit_id) {
        (Obstacle::Mismatch(details), Some(at))
            if obstacle.kind() == ObstacleKind::Nondeterminism =>
        {
            let details = details.clone();
            Some(Unfit { at, details })
        }
        _ => None,
    };
    let returned = Returned {
        item: Item::Turn(turn.head.instance.clone()),
        stands_at: turn.head.commit_id.filter(|_| !has_notice(turn)),
        unfit,
    };
    let given_back = node.note_given_back(returned, obstacle);
    if given_back.is_notice_due
        && obstacle.concerns_deployment()
        && let Some(noticed) = noticed(node, turn, &obstacle.missing())
    {
        match note(node, turn, noticed).await {
            // The instance is claimable at once, and is given back the next time it is claimed.
            Ok(()) => return held.finish(),
            Err(error) => {
                tracing::debug!(target: "duroxide::runtime", %error, "a notice was not stored");
            }
        }
    }
    // A release may get lost, above all where the store fails, and the attempt counts then.
    let item = Item::Turn(turn.head.instance.clone());
    node.attempts.excuse(item, turn.attempt);
    let attempts = ReleasedAttempts::TakeBack;
    put_back(node, turn, (lease, held), given_back.delay, attempts).await;
}

/// Releases a turn for so long. A store ends the delay for control (LEA-06); so while there is some that
/// this node cannot take in, it keeps the turn for a moment, and does not claim it without a pause.
pub(super) async fn put_back(
    node: &Arc<Node>,
    turn: &Occasion,
    (lease, held): (TurnLease, LeaseGuard),
    delay: Duration,
    attempts: ReleasedAttempts,
) {
    let lease = Lease::Turn(lease);
    if !turn.has_control() {
        node.release(lease, delay, attempts).await;
        return held.finish();
    }
    let node_itself = Arc::clone(node);
    node.do_on_service(async move {
        let pause = delay.min(CONTROL_PAUSE_MAX);
        node_itself.clock.sleep(pause).await;
        node_itself.release(lease, delay, attempts).await;
        held.finish();
    });
}

/// Whether the instance's last commit was that of a notice: code that runs takes it out.
fn has_notice(turn: &Occasion) -> bool {
    CoreState::decode(&turn.head.core_state)
        .is_ok_and(|it| it.notice.is_some_and(|notice| notice.activity_id.is_none()))
}

/// The head's core state with a notice of what is missing; `None` if it says so already, or cannot.
fn noticed(node: &Node, turn: &Occasion, missing: &str) -> Option<CoreState> {
    let mut core_state = CoreState::decode(&turn.head.core_state).ok()?;
    let said = core_state.notice.as_ref();
    if said.is_some_and(|notice| Node::says_the_same(&notice.reason, missing)) {
        return None;
    }
    core_state.notice = Some(Notice {
        reason: node.notice(missing),
        activity_id: None,
        at_ms: node.clock.now_ms(),
    });
    Some(core_state)
}

/// Stores a notice in the head, and changes nothing else.
async fn note(node: &Node, turn: &Occasion, core_state: CoreState) -> Result<(), ProviderError> {
    let head = &turn.head;
    let commit = TurnCommit {
        instance: head.instance.clone(),
        commit_id: node.entropy.commit_id(),
        fence: turn.fence.clone(),
        head: HeadUpdate {
            orchestration: head.orchestration.clone(),
            version: head.version.clone(),
            core_state: core_state.encode(),
        },
        executions: Vec::new(),
        awaited: Vec::new(),
        suspended: None,
        values: Vec::new(),
        consumed: Vec::new(),
        purge_through: None,
        activities: Vec::new(),
        cancelled: Vec::new(),
        completed: Vec::new(),
        messages: Vec::new(),
    };
    node.commit(&Commit::Turn(commit)).await.map(drop)
}
