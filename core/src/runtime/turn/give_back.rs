//! Giving a claimed turn back.

use std::sync::Arc;
use std::time::Duration;

use super::occasion::Occasion;
use crate::providers::{Lease, Release, ReleasedAttempts, TurnLease};
use crate::runtime::attempts::Item;
use crate::runtime::give_back::{Returned, Unfit, mark};
use crate::runtime::lease_keeper::LeaseGuard;
use crate::runtime::node::Node;
use crate::runtime::obstacle::{Obstacle, ObstacleKind};

/// How long a turn is kept, at most, before it is given back with control that nobody took in.
const CONTROL_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Gives a turn back for a while; its attempt does not count. A note tells whoever waits for the instance
/// why.
pub(super) async fn give_back(
    node: &Arc<Node>,
    turn: &Occasion,
    lease: TurnLease,
    held: LeaseGuard,
    obstacle: &Obstacle,
) {
    let unfit = if let Obstacle::Mismatch(details) = obstacle
        && obstacle.kind() == ObstacleKind::Nondeterminism
    {
        Some(Unfit {
            at: mark(&turn.head),
            details: details.clone(),
        })
    } else {
        None
    };
    let returned = Returned {
        item: Item::Turn(turn.head.instance.clone()),
        stands_at: turn.head.commit_id,
        unfit,
    };
    let given_back = node.note_given_back(returned, obstacle);
    // A release may get lost, above all where the store fails, and the attempt counts then.
    let item = Item::Turn(turn.head.instance.clone());
    node.attempts.excuse(item, turn.attempt);
    // What is passed on at once says nothing: another node may well run it.
    let is_told = obstacle.concerns_deployment() && !given_back.is_passed_on;
    let note = is_told.then(|| node.note(&obstacle.missing())).flatten();
    let attempts = ReleasedAttempts::TakeBack;
    let release = Release::new(Lease::Turn(lease), given_back.delay, attempts).with_details(note);
    put_back(node, turn, release, held).await;
}

/// Releases a turn. A store ends the delay for control (LEA-06); so while there is some that
/// this node cannot take in, it keeps the turn for a moment, and does not claim it without a pause.
pub(super) async fn put_back(
    node: &Arc<Node>,
    turn: &Occasion,
    release: Release,
    held: LeaseGuard,
) {
    if !turn.has_control() {
        node.release(release).await;
        return held.finish();
    }
    let has_ended = turn.head.status.is_terminal();
    let node_itself = Arc::clone(node);
    node.do_on_service(async move {
        // What comes meanwhile for an instance that has ended is in no hurry, and asks for the same code.
        let pause = if has_ended {
            release.delay
        } else {
            release.delay.min(CONTROL_PAUSE_MAX)
        };
        node_itself.clock.sleep(pause).await;
        node_itself.release(release).await;
        held.finish();
    });
}
