//! Answers and contents as text that two stores with the same history have in common.

use duroxide_core::providers::{
    ActivityLease, Claimed, ClaimedActivity, Committed, InstanceHead, InstanceValue, LeaseToken,
    MailPage, ProviderError, Renewal, Turn,
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

/// A page of mail without times, and without what each store counts in its way.
pub(super) fn mail_text(page: &MailPage) -> String {
    let messages = page.mail.iter().map(|mail| &mail.message);
    format!("more {}: {:?}", page.more, messages.collect::<Vec<_>>())
}

/// Values, with the commits that wrote them.
pub(super) fn values_text(values: &[InstanceValue]) -> String {
    format!("{values:?}")
}

/// A head without its times.
pub(super) fn head_text(head: &InstanceHead) -> String {
    let head = InstanceHead {
        created_at_ms: 0,
        updated_at_ms: 0,
        expires_at_ms: head.expires_at_ms.map(|_| 0),
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
            has_mail,
        } = turn;
        let head = head_text(head);
        format!("attempt {attempt}, mail {has_mail}, {messages:?} of {head}")
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
            let dropped = turn.messages_dropped;
            format!("cancelled {cancelled:?}, dropped {dropped}")
        }
        Committed::Activity { messages_dropped } => format!("dropped {messages_dropped}"),
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
