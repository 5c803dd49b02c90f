//! Answers and contents as text that two stores with the same history have in common.

use duroxide_core::providers::{
    ActivityLease, Claimed, ClaimedActivity, Committed, InstanceHead, LeaseToken, ProviderError,
    Renewal, Turn,
};
use uuid::Uuid;

/// In place of every token, which is random.
const ANY_TOKEN: LeaseToken = LeaseToken(Uuid::nil());

pub(super) fn refusal_or<T>(
    answer: Result<T, ProviderError>,
    text: impl FnOnce(T) -> String,
) -> String {
    match answer {
        Ok(answer) => text(answer),
        Err(error) => format!("refused as {:?}", error.kind()),
    }
}

/// A head without its times.
pub(super) fn head_text(head: &InstanceHead) -> String {
    let head = InstanceHead {
        created_at_ms: 0,
        updated_at_ms: 0,
        ..head.clone()
    };
    format!("{head:?}")
}

pub(super) fn turns_text(claimed: &Claimed<Turn>) -> String {
    let turns = claimed.items.iter().map(|turn| {
        let Turn {
            lease: _,
            head,
            attempt,
            messages,
            more_messages,
        } = turn;
        let head = head_text(head);
        format!("attempt {attempt}, more {more_messages}, {messages:?} of {head}")
    });
    format!("more {}: {:?}", claimed.more, turns.collect::<Vec<_>>())
}

pub(super) fn activities_text(claimed: &Claimed<ClaimedActivity>) -> String {
    let activities = claimed.items.iter().map(|activity| {
        let lease = without_token(&activity.lease);
        ClaimedActivity {
            lease,
            ..activity.clone()
        }
    });
    format!(
        "more {}: {:?}",
        claimed.more,
        activities.collect::<Vec<_>>()
    )
}

pub(super) fn committed_text(committed: &Committed) -> String {
    match committed {
        // The other fields may be empty then (IDM-01).
        Committed::Turn(turn) if turn.repeated => "repeated".to_owned(),
        Committed::Turn(turn) => {
            let cancelled: Vec<_> = turn.cancelled.iter().map(without_token).collect();
            let (kept, undelivered) = (turn.lease_kept, &turn.undelivered);
            format!("kept {kept}, cancelled {cancelled:?}, undelivered {undelivered:?}")
        }
        Committed::Activity { undelivered } => format!("undelivered {undelivered:?}"),
        Committed::Sent => "sent".to_owned(),
    }
}

/// What became of a lease: a store may keep no trace of what it removed (CAN-03).
pub(super) fn renewal_text(renewal: Renewal) -> String {
    let is_held = renewal == Renewal::Renewed;
    format!("held {is_held}")
}

fn without_token(lease: &ActivityLease) -> ActivityLease {
    ActivityLease {
        key: lease.key.clone(),
        token: ANY_TOKEN,
    }
}
