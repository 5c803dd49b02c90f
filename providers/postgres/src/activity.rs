//! Activities as columns of a call.

use duroxide_core::providers::{
    ActivityCancel, ActivityLease, ActivityOutcome, Limits, NewActivity, ProviderError, check,
};
use uuid::Uuid;

use crate::call::Refs;
use crate::channel;
use crate::codes::{bounded, millis, place};
use crate::schema::Statement;

/// The activities that turns create.
#[derive(Default)]
pub(crate) struct NewActivityColumns<'a> {
    turns: Vec<i32>,
    executions: Vec<i64>,
    activity_ids: Vec<i64>,
    queues: Vec<&'a str>,
    tokens: Vec<Option<Uuid>>,
    lease_ms: Vec<Option<i64>>,
    bodies: Vec<&'a [u8]>,
}

impl<'a> NewActivityColumns<'a> {
    pub(crate) fn push(&mut self, turn: i32, activity: &'a NewActivity) {
        self.turns.push(turn);
        self.executions.push(bounded(activity.execution));
        self.activity_ids.push(bounded(activity.activity_id));
        self.queues.push(&activity.queue.0);
        self.tokens.push(activity.reservation.map(|it| it.token.0));
        self.lease_ms
            .push(activity.reservation.map(|it| millis(it.lease)));
        self.bodies.push(&activity.body);
    }

    pub(crate) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        statement
            .bind(self.turns)
            .bind(self.executions)
            .bind(self.activity_ids)
            .bind(self.queues)
            .bind(self.tokens)
            .bind(self.lease_ms)
            .bind(self.bodies)
    }
}

/// The activities that turns cancel.
#[derive(Default)]
pub(crate) struct CancelColumns {
    turns: Vec<i32>,
    executions: Vec<i64>,
    first_ids: Vec<i64>,
    last_ids: Vec<i64>,
}

impl CancelColumns {
    pub(crate) fn push(&mut self, turn: i32, cancel: ActivityCancel) {
        let (execution, first_id, last_id) = match cancel {
            ActivityCancel::One {
                execution,
                activity_id,
            } => (execution, activity_id, activity_id),
            ActivityCancel::AllOfExecution(execution) => (execution, 0, u64::MAX),
        };
        self.turns.push(turn);
        self.executions.push(bounded(execution));
        self.first_ids.push(bounded(first_id));
        self.last_ids.push(bounded(last_id));
    }

    pub(crate) fn bind(self, statement: Statement<'_>) -> Statement<'_> {
        statement
            .bind(self.turns)
            .bind(self.executions)
            .bind(self.first_ids)
            .bind(self.last_ids)
    }
}

/// The leased activities that turns complete.
#[derive(Default)]
pub(crate) struct FusedColumns {
    turns: Vec<i32>,
    leases: LeaseColumns,
}

impl FusedColumns {
    pub(crate) fn push<'a>(&mut self, turn: i32, lease: &'a ActivityLease, refs: &mut Refs<'a>) {
        self.turns.push(turn);
        self.leases.push(lease, refs);
    }

    pub(crate) fn bind(self, statement: Statement<'_>) -> Statement<'_> {
        self.leases.bind(statement.bind(self.turns))
    }
}

/// Leases of activities.
#[derive(Default)]
struct LeaseColumns {
    refs: Vec<i32>,
    incarnations: Vec<Uuid>,
    executions: Vec<i64>,
    activity_ids: Vec<i64>,
    tokens: Vec<Uuid>,
}

impl LeaseColumns {
    fn push<'a>(&mut self, lease: &'a ActivityLease, refs: &mut Refs<'a>) {
        self.refs.push(refs.place(&lease.key.instance));
        self.incarnations.push(lease.key.incarnation.0);
        self.executions.push(bounded(lease.key.execution));
        self.activity_ids.push(bounded(lease.key.activity_id));
        self.tokens.push(lease.token.0);
    }

    fn bind(self, statement: Statement<'_>) -> Statement<'_> {
        statement
            .bind(self.refs)
            .bind(self.incarnations)
            .bind(self.executions)
            .bind(self.activity_ids)
            .bind(self.tokens)
    }
}

/// The outcomes of activities.
#[derive(Default)]
pub(crate) struct OutcomeColumns<'a> {
    leases: LeaseColumns,
    are_valid: Vec<bool>,
    message_ids: Vec<Option<Uuid>>,
    channels: Vec<Option<Vec<u8>>>,
    message_executions: Vec<Option<i64>>,
    bodies: Vec<&'a [u8]>,
}

impl<'a> OutcomeColumns<'a> {
    /// Adds an outcome; answers its place, and what is wrong with it, whatever the store says.
    pub(crate) fn push(
        &mut self,
        outcome: &'a ActivityOutcome,
        limits: &Limits,
        refs: &mut Refs<'a>,
    ) -> (i32, Result<(), ProviderError>) {
        let here = place(self.are_valid.len());
        self.leases.push(&outcome.lease, refs);
        let message = outcome.message.as_ref();
        let checked = message.map_or(Ok(()), |message| {
            check::message_limits(limits, &outcome.lease.key.instance, message)
        });
        let message = message.filter(|_| checked.is_ok());
        self.are_valid.push(checked.is_ok());
        self.message_ids.push(message.map(|it| it.id.0));
        self.channels
            .push(message.map(|it| channel::of(&it.channel)));
        self.message_executions
            .push(message.and_then(|it| it.execution).map(bounded));
        self.bodies.push(message.map_or(&[], |it| &it.body));
        (here, checked)
    }

    pub(crate) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        self.leases
            .bind(statement)
            .bind(self.are_valid)
            .bind(self.message_ids)
            .bind(self.channels)
            .bind(self.message_executions)
            .bind(self.bodies)
    }
}
