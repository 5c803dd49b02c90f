//! Who may go on with an instance without having claimed it, and from where.

use std::time::Duration;

use duroxide_core::providers::{
    DeleteMode, ErrorKind, Incarnation, InstanceHead, Lease, Position, Renewal, Turn,
};
use uuid::Uuid;

use super::fen::moved;
use crate::support::{Cx, LEASE, SECOND, id};

/// How an instance stands when somebody goes on with it who has not claimed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing is in its inbox, and nobody has it.
    Idle,
    /// It can be claimed.
    Claimable,
    /// It was started, and had no turn yet.
    Pending,
    Leased,
    /// The holder has renewed the lease since, and would have lost it otherwise.
    Renewed,
    Expired,
    /// Somebody took it over when the first lease had expired.
    Stolen,
    Released,
    /// It was released with a delay that goes on.
    HeldBack,
    /// It was released with a delay that is over.
    HeldBackBefore,
    Absent,
    /// The one who goes on knows another life of it.
    AnotherLife,
    /// It was deleted after the one who goes on saw it.
    Deleted,
    /// It was deleted and began anew, and its history ends where the former one did.
    Reborn,
}

/// Those that take no management to come about.
const STANDINGS: [Standing; 12] = [
    Standing::Idle,
    Standing::Claimable,
    Standing::Pending,
    Standing::Leased,
    Standing::Renewed,
    Standing::Expired,
    Standing::Stolen,
    Standing::Released,
    Standing::HeldBack,
    Standing::HeldBackBefore,
    Standing::Absent,
    Standing::AnotherLife,
];

impl Standing {
    /// Whether somebody may go on who has not claimed the instance.
    fn is_free(self) -> bool {
        match self {
            Self::Idle
            | Self::Claimable
            | Self::Pending
            | Self::Expired
            | Self::Released
            | Self::HeldBackBefore => true,
            Self::Leased
            | Self::Renewed
            | Self::Stolen
            | Self::HeldBack
            | Self::Absent
            | Self::AnotherLife
            | Self::Deleted
            | Self::Reborn => false,
        }
    }
}

/// Runs the instance, and claims a turn of it; also the head from before.
async fn claimed(cx: &Cx) -> (InstanceHead, Turn) {
    (cx.running("a").await, cx.poke_and_claim("a").await)
}

/// Claims a turn of the instance and releases it with a delay; the head from before.
async fn released(cx: &Cx, delay: Duration) -> InstanceHead {
    let (head, turn) = claimed(cx).await;
    cx.release(Lease::Turn(turn.lease), delay).await;
    head
}

/// Runs the instance and deletes it; the head from before.
async fn deleted(cx: &Cx) -> InstanceHead {
    let head = cx.running("a").await;
    let admin = cx.admin();
    let deleted = admin.delete_instance(&id("a"), DeleteMode::Force).await;
    deleted.expect("any instance can be deleted by force");
    head
}

/// Brings an instance into a standing. Returns the head that the one who goes on knows, and the turn
/// of the one who holds the lease, if anybody does.
async fn stand(cx: &Cx, standing: Standing) -> (InstanceHead, Option<Turn>) {
    let head = match standing {
        Standing::Idle => cx.running("a").await,
        Standing::Claimable => {
            let head = cx.running("a").await;
            cx.poke("a").await;
            head
        }
        Standing::Pending => {
            cx.start("a").await;
            cx.head("a").await
        }
        Standing::Leased => {
            let (head, turn) = claimed(cx).await;
            return (head, Some(turn));
        }
        Standing::Renewed => {
            let (head, turn) = claimed(cx).await;
            cx.elapse(LEASE / 2).await;
            let lease = Lease::Turn(turn.lease.clone());
            assert_eq!(cx.renew(lease, LEASE).await, Renewal::Renewed);
            cx.elapse(LEASE * 2 / 3).await;
            return (head, Some(turn));
        }
        Standing::Expired => {
            let (head, _) = claimed(cx).await;
            cx.elapse(LEASE).await;
            head
        }
        Standing::Stolen => {
            let (head, _) = claimed(cx).await;
            cx.elapse(LEASE).await;
            return (head, Some(cx.claim_only("a").await));
        }
        Standing::Released => released(cx, Duration::ZERO).await,
        Standing::HeldBack => released(cx, LEASE).await,
        Standing::HeldBackBefore => {
            let head = released(cx, SECOND).await;
            cx.elapse(SECOND).await;
            head
        }
        Standing::Absent => InstanceHead {
            instance: id("a"),
            ..cx.running("b").await
        },
        Standing::AnotherLife => InstanceHead {
            incarnation: Incarnation(cx.unique()),
            ..cx.running("a").await
        },
        Standing::Deleted => deleted(cx).await,
        Standing::Reborn => {
            let head = deleted(cx).await;
            let reborn = cx.running("a").await;
            assert_eq!(reborn.position, head.position, "only the life differs");
            head
        }
    };
    (head, None)
}

/// Every standing against every position: what is refused, why, and that nothing changed.
async fn check_each(cx: &Cx, standings: &[Standing]) {
    for &standing in standings {
        for events in [0, -1, 1] {
            let cx = cx.twin().await;
            let (known, holder) = stand(&cx, standing).await;
            let before = cx.view(&["a"]).await;
            let position = moved(&known, events);
            let turn = cx.unleased(&known).append(1);
            let turn = turn.unleased(known.incarnation, position);

            let kind = cx.try_turn(turn).await.err().map(|error| error.kind());

            let expected = match (standing.is_free(), events) {
                (true, 0) => None,
                (true, _) => Some(ErrorKind::PositionConflict),
                (false, _) => Some(ErrorKind::LeaseLost),
            };
            assert_eq!(kind, expected, "{standing:?}, {events} events away");
            if expected.is_none() {
                assert_eq!(cx.position("a").await, moved(&known, 1), "{standing:?}");
            } else {
                assert_eq!(cx.view(&["a"]).await, before, "{standing:?}");
            }
            goes_on(&cx, standing, holder).await;
        }
    }
}

/// Whoever holds the instance holds it still, and otherwise it is claimable when it was before.
async fn goes_on(cx: &Cx, standing: Standing, holder: Option<Turn>) {
    if let Some(holder) = holder {
        cx.claim_nothing().await;
        cx.apply(cx.turn(&holder).append(1)).await;
        return;
    }
    match standing {
        Standing::Absent | Standing::Deleted => {
            assert_eq!(cx.head_if_any("a").await, None);
            cx.claim_nothing().await;
        }
        Standing::Idle | Standing::AnotherLife | Standing::Reborn => {
            cx.claim_nothing().await;
            cx.poke_and_claim("a").await;
        }
        Standing::HeldBack => {
            cx.claim_nothing().await;
            cx.elapse(LEASE).await;
            assert_eq!(cx.claim_only("a").await.messages.len(), 1);
        }
        Standing::Claimable
        | Standing::Pending
        | Standing::Leased
        | Standing::Renewed
        | Standing::Expired
        | Standing::Stolen
        | Standing::Released
        | Standing::HeldBackBefore => {
            assert_eq!(cx.claim_only("a").await.messages.len(), 1, "{standing:?}");
        }
    }
}

/// Who may go on without a lease, and from where.
pub(crate) async fn unleased_turns_by_standing_and_position(cx: &Cx) {
    check_each(cx, &STANDINGS).await;
}

/// A deleted life is not gone on with, whether another one has begun or not.
pub(crate) async fn an_unleased_turn_is_of_one_life(cx: &Cx) {
    check_each(cx, &[Standing::Deleted, Standing::Reborn]).await;
}

/// Where there is no instance, no life and no position is that of one.
pub(crate) async fn an_absent_instance_is_not_gone_on_with(cx: &Cx) {
    let nowhere = Position {
        execution: 0,
        next_event_id: 0,
    };
    for life in [Uuid::nil(), cx.unique()] {
        for position in [nowhere, Position::START] {
            let turn = cx.creation("nobody").append(1).activity(1);
            let turn = turn.unleased(Incarnation(life), position);
            cx.refuse(turn, ErrorKind::LeaseLost).await;
        }
    }
    assert_eq!(cx.head_if_any("nobody").await, None);
    cx.work_nothing().await;
}

/// The execution is a part of the position.
pub(crate) async fn an_unleased_turn_is_of_one_execution(cx: &Cx) {
    let head = cx.running("a").await;
    for execution in [0, 2] {
        let position = Position {
            execution,
            ..head.position
        };
        let turn = cx.unleased(&head).unleased(head.incarnation, position);
        cx.refuse(turn, ErrorKind::PositionConflict).await;
    }
    cx.apply(cx.unleased(&head).append(1)).await;
}
