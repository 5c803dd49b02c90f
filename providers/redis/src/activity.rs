//! Activities and their outcomes, as scripts are given them.

use duroxide_core::providers::{
    ActivityCancel, ActivityKey, ActivityLease, ActivityOutcome, Envelope, Incarnation, InstanceId,
    LeaseToken, Limits, NewActivity, ProviderError, Recipient, check,
};
use serde::Serialize;
use std::time::Duration;

use crate::codes::{ActivityId, Id, hex, millis};
use crate::message::EnvelopeRequest;

/// The lease of an activity.
#[derive(Serialize)]
pub(crate) struct ActivityLeaseRequest<'a> {
    instance: &'a str,
    life: Id,
    key: ActivityId,
    token: Id,
}

impl<'a> ActivityLeaseRequest<'a> {
    pub(crate) fn of(lease: &'a ActivityLease) -> Self {
        Self {
            instance: lease.key.instance.as_str(),
            life: Id(lease.key.incarnation.0),
            key: id_of(&lease.key),
            token: Id(lease.token.0),
        }
    }
}

pub(crate) fn id_of(key: &ActivityKey) -> ActivityId {
    ActivityId {
        execution: key.execution,
        activity_id: key.activity_id,
    }
}

/// A lease as an answer names it.
pub(crate) fn lease_of(
    instance: &InstanceId,
    incarnation: Incarnation,
    id: ActivityId,
    token: Id,
) -> ActivityLease {
    ActivityLease {
        key: ActivityKey {
            instance: instance.clone(),
            incarnation,
            execution: id.execution,
            activity_id: id.activity_id,
        },
        token: LeaseToken(token.0),
    }
}

/// An activity that a turn schedules.
#[derive(Serialize)]
pub(crate) struct NewActivityRequest<'a> {
    key: ActivityId,
    queue: &'a str,
    /// The lease that it is born with, if it is.
    token: Option<Id>,
    lease: u64,
    #[serde(with = "crate::codes::raw")]
    body: &'a [u8],
}

impl<'a> NewActivityRequest<'a> {
    pub(crate) fn of(new: &'a NewActivity) -> Self {
        Self {
            key: ActivityId {
                execution: new.execution,
                activity_id: new.activity_id,
            },
            queue: new.queue.as_str(),
            token: new.reservation.map(|it| Id(it.token.0)),
            lease: new.reservation.map_or(0, |it| millis(it.lease)),
            body: &new.body,
        }
    }
}

/// What a turn cancels: the digits of an activity, or of an execution for all of its activities.
pub(crate) fn cancelled(cancel: &ActivityCancel) -> String {
    match cancel {
        ActivityCancel::One {
            execution,
            activity_id,
        } => hex(*execution) + &hex(*activity_id),
        ActivityCancel::AllOfExecution(execution) => hex(*execution),
    }
}

/// The end of an activity. Its message is to the instance, and is made an envelope first.
#[derive(Serialize)]
pub(crate) struct OutcomeRequest<'a> {
    lease: ActivityLeaseRequest<'a>,
    envelope: Option<EnvelopeRequest<'a>>,
    /// Whether something is wrong with it that the store has no part in. The lease is looked at first.
    is_refused: bool,
}

impl<'a> OutcomeRequest<'a> {
    pub(crate) fn of(
        outcome: &'a ActivityOutcome,
        envelope: Option<&'a Envelope>,
        limits: &Limits,
    ) -> (Self, Option<ProviderError>) {
        let instance = &outcome.lease.key.instance;
        let message = outcome.message.as_ref();
        let checked = message.map_or(Ok(()), |it| check::message_limits(limits, instance, it));
        let request = Self {
            lease: ActivityLeaseRequest::of(&outcome.lease),
            envelope: envelope.map(EnvelopeRequest::of),
            is_refused: checked.is_err(),
        };
        (request, checked.err())
    }
}

/// The message of an outcome with its address.
pub(crate) fn envelope_of(outcome: &ActivityOutcome) -> Option<Envelope> {
    let key = &outcome.lease.key;
    Some(Envelope {
        recipient: Recipient::Instance {
            instance: key.instance.clone(),
            incarnation: Some(key.incarnation),
        },
        delay: Duration::ZERO,
        message: outcome.message.clone()?,
    })
}
