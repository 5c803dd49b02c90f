//! Giving a claimed turn back.

use std::sync::Arc;

use super::occasion::Occasion;
use crate::message::{CoreState, Notice};
use crate::providers::{
    Commit, HeadUpdate, Lease, LeaseAfterCommit, ProviderError, TurnCommit, TurnLease,
};
use crate::runtime::attempts::Item;
use crate::runtime::give_back::{Returned, Unfit};
use crate::runtime::lease_keeper::LeaseGuard;
use crate::runtime::node::Node;
use crate::runtime::obstacle::{Obstacle, ObstacleKind};

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
    node.release(Lease::Turn(lease), given_back.delay, false)
        .await;
    held.finish();
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
        fence: turn.fence,
        head: HeadUpdate {
            orchestration: head.orchestration.clone(),
            version: head.version.clone(),
            core_state: core_state.encode(),
        },
        executions: Vec::new(),
        consumed: Vec::new(),
        purge_through: None,
        activities: Vec::new(),
        cancelled: Vec::new(),
        completed: Vec::new(),
        messages: Vec::new(),
        lease: LeaseAfterCommit::Release,
    };
    node.commit(&Commit::Turn(commit)).await.map(drop)
}
