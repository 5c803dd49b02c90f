//! Who held which lease, and from when on.

use duroxide_core::clock::millis_ceil;
use duroxide_core::providers::{ActivityKey, InstanceId, Lease, LeaseToken, Renewal};

use super::turn_call::TurnCall;
use crate::random::workers::log::{Call, Entry, Moment, items};

/// What is leased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::random::workers) enum Item {
    Instance(InstanceId),
    Activity(ActivityKey),
}

impl Item {
    pub(in crate::random::workers) fn of(lease: &Lease) -> Self {
        match lease {
            Lease::Turn(lease) => Self::Instance(lease.instance.clone()),
            Lease::Activity(lease) => Self::Activity(lease.key.clone()),
        }
    }

    pub(in crate::random::workers) fn instance(&self) -> &InstanceId {
        match self {
            Self::Instance(instance) => instance,
            Self::Activity(key) => &key.instance,
        }
    }
}

/// A claim, a renewal or a commit that lets somebody hold a lease from then on.
#[derive(Debug, Clone)]
pub(in crate::random::workers) struct Grant {
    pub(in crate::random::workers) item: Item,
    pub(in crate::random::workers) token: LeaseToken,
    pub(in crate::random::workers) invoked: Moment,
    /// `None` if no answer came: the lease may be held, and longer than anybody knows.
    pub(in crate::random::workers) returned: Option<Moment>,
    pub(in crate::random::workers) lease_ms: u64,
}

pub(super) fn grants_of(entry: &Entry) -> Vec<Grant> {
    let grant = |item, token, lease| Grant {
        item,
        token,
        invoked: entry.invoked,
        returned: entry.returned,
        lease_ms: millis_ceil(lease),
    };
    match &entry.call {
        Call::ClaimTurns { lease, answer } => items(answer)
            .iter()
            .map(|turn| {
                let item = Item::Instance(turn.head.instance.clone());
                grant(item, turn.lease.token, *lease)
            })
            .collect(),
        Call::ClaimActivities { lease, answer } => items(answer)
            .iter()
            .map(|it| grant(Item::Activity(it.lease.key.clone()), it.lease.token, *lease))
            .collect(),
        Call::Renew {
            renew,
            extend_by,
            answer: None | Some(Ok(Renewal::Renewed)),
        } => {
            let item = Item::of(&renew.lease);
            vec![grant(item, renew.lease.token(), *extend_by)]
        }
        _ => Vec::new(),
    }
}

/// The leases that a turn's activities are born with (ACT-02).
pub(super) fn reserved_by<'a>(call: &TurnCall<'a>) -> impl Iterator<Item = Grant> + use<'a> {
    let call = *call;
    // A repeat grants nothing, and its first call has a grant of its own.
    let may_grant = match call.answer {
        Some(Ok(committed)) => !committed.repeated,
        Some(Err(_)) => false,
        None => true,
    };
    let activities = call.commit.activities.iter();
    activities
        .filter(move |_| may_grant)
        .filter_map(move |activity| {
            let reservation = activity.reservation?;
            let key = activity.key(&call.commit.instance, call.life);
            Some(Grant {
                item: Item::Activity(key),
                token: reservation.token,
                invoked: call.entry.invoked,
                returned: call.entry.returned,
                lease_ms: millis_ceil(reservation.lease),
            })
        })
}
