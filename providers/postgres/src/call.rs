//! One call of the function that commits: operations as its arguments, and its rows as answers.

use std::collections::HashMap;
use std::sync::Arc;

use duroxide_core::providers::watchers::Changes;
use duroxide_core::providers::{
    Commit, Envelope, Incarnation, InstanceHead, InstanceId, NewInstance, ProviderError, Recipient,
    TurnCommit, check,
};

use crate::activity::OutcomeColumns;
use crate::bell::Bell;
use crate::codes::{self, place};
use crate::commit::Answer;
use crate::error::{self, Failure};
use crate::hub::{self, Since};
use crate::member::{Effects, Member, Members};
use crate::message::{self, CLIENT, EnvelopeColumns};
use crate::session::Session;
use crate::setup::Setup;
use crate::turn::TurnColumns;

/// Commits operations that do not disturb one another in one transaction, and makes known what that did.
pub(crate) async fn call(
    session: &mut Session,
    operations: &[&Commit],
) -> Result<Vec<Answer>, Failure> {
    let setup = Arc::clone(&session.setup);
    let (columns, mut members) = Columns::of(operations, &setup);
    if columns.refs.ids.is_empty() {
        // Nothing of it can be stored.
        return Ok(members.answers(operations, &setup.options.limits));
    }
    let Columns {
        refs,
        turns,
        outcomes,
        mut envelopes,
    } = columns;
    let newborn = std::mem::take(&mut envelopes.newborn);
    let since = setup.hub.since();
    let durability = setup.options.synchronous_commit.map(|level| level.value());
    let limits = &setup.options.limits;
    let statement = setup
        .functions
        .commit
        .call()
        .bind(setup.node)
        .bind(durability)
        .bind(codes::bounded_size(limits.topic_messages_max))
        .bind(codes::bounded_size(limits.mail_messages_max))
        .bind(codes::bounded_size(limits.control_messages_max))
        .bind(codes::bounded_size(limits.values_max))
        .bind(codes::bounded_size(limits.values_bytes_max))
        .bind(refs.ids);
    let statement = envelopes.bind(outcomes.bind(turns.bind(statement)));
    let statement = newborn.bind(statement);
    let rows = session.fetch(statement).await?;
    let effects = members
        .take_in(&rows, operations)
        .map_err(Failure::of_call)?;
    publish(&setup, operations, &members, &effects, since);
    Ok(members.answers(operations, limits))
}

/// The instances of a call, each once; other columns name them by their places.
#[derive(Default)]
pub(crate) struct Refs<'a> {
    ids: Vec<&'a str>,
    places: HashMap<&'a str, i32>,
}

impl<'a> Refs<'a> {
    pub(crate) fn place(&mut self, instance: &'a InstanceId) -> i32 {
        let Self { ids, places } = self;
        *places.entry(instance.as_str()).or_insert_with(|| {
            ids.push(instance.as_str());
            place(ids.len() - 1)
        })
    }
}

/// Operations as columns of a call.
#[derive(Default)]
struct Columns<'a> {
    refs: Refs<'a>,
    turns: TurnColumns<'a>,
    outcomes: OutcomeColumns<'a>,
    envelopes: EnvelopeColumns<'a>,
}

impl<'a> Columns<'a> {
    fn of(operations: &[&'a Commit], setup: &Setup) -> (Self, Members) {
        let limits = &setup.options.limits;
        let mut columns = Self::default();
        let mut members = Members::default();
        for operation in operations {
            let Self {
                refs,
                turns,
                outcomes,
                envelopes,
            } = &mut columns;
            let (place, checked) = match operation {
                Commit::Turn(turn) => turns.push(turn, limits, refs, envelopes),
                Commit::Activity(outcome) => outcomes.push(outcome, limits, refs),
                Commit::Send(envelope) => {
                    let place = place(envelopes.len());
                    let checked = check_envelope(setup, envelope);
                    if checked.is_ok() {
                        envelopes.push(CLIENT, envelope, refs);
                    }
                    (place, checked)
                }
            };
            members.push(operation, place, checked.err());
        }
        (columns, members)
    }
}

/// What is wrong with a client's envelope, whatever the store says.
fn check_envelope(setup: &Setup, envelope: &Envelope) -> Result<(), ProviderError> {
    let instance = envelope.recipient.instance();
    check::envelope_limits(&setup.options.limits, instance, envelope)?;
    match &envelope.recipient {
        Recipient::NewInstance(newborn) if !is_storable(newborn) => Err(error::invalid(
            "commit",
            instance,
            "the name holds a character that PostgreSQL cannot store; use names without NUL",
        )),
        Recipient::NewInstance(_) | Recipient::Instance { .. } => Ok(()),
    }
}

/// Whether text columns can hold what it is called.
fn is_storable(newborn: &NewInstance) -> bool {
    let names = [&*newborn.orchestration, newborn.queue.as_str()];
    names.iter().all(|name| !name.contains('\0'))
}

/// Makes known what a call did, here and elsewhere.
fn publish(
    setup: &Setup,
    operations: &[&Commit],
    members: &Members,
    effects: &Effects,
    since: Since,
) {
    let hub = &setup.hub;
    let mut bell = Bell::default();
    let mut changes = Changes::new();
    let mut has_replaced = false;
    let updated_ms = u64::try_from(effects.at_ms).unwrap_or(0);
    let done = members.all.iter().zip(operations);
    for (member, operation) in done.filter(|(member, _)| member.is_done()) {
        let changed = match operation {
            Commit::Turn(turn) => {
                for activity in &turn.activities {
                    let lease_ms = activity.reservation.map_or(0, |it| codes::millis(it.lease));
                    let queue = hub::Queue::Activities(Arc::clone(&activity.queue.0));
                    hub.raise(&queue, effects.at_ms.saturating_add(lease_ms), since);
                    bell.activities |= activity.reservation.is_none();
                }
                Some(head_of(turn, member, updated_ms))
            }
            Commit::Send(envelope) => {
                // What has gone with another instance may have been all there was to claim.
                has_replaced |= message::replaced(envelope).is_some();
                envelope.recipient.created().map(|_| None)
            }
            Commit::Activity(_) => None,
        };
        if let Some(head) = changed {
            let instance = operation.instance();
            bell.change(instance);
            if hub.watchers.has(instance) {
                changes.insert(instance.clone(), head.map(Box::new));
            }
        }
    }
    if has_replaced {
        hub.forget(true, true);
    }
    for (queue, due_ms) in &effects.turns_due {
        hub.raise(&hub::Queue::Turns(Arc::clone(queue)), *due_ms, since);
        bell.turns |= !hub.takes_turns(queue);
    }
    hub.watchers.wake(changes);
    hub.tell(effects.has_peers, bell);
}

/// The head as a turn has left it, for those who watch it; `None` where they have to read it.
fn head_of(turn: &TurnCommit, member: &Member, updated_ms: u64) -> Option<InstanceHead> {
    if member.has_parent {
        return None;
    }
    let before = check::Before {
        incarnation: Incarnation(member.incarnation),
        queue: member.queue.clone(),
        parent: None,
        suspended: member.suspended,
        created_at_ms: u64::try_from(member.created_ms).unwrap_or(0),
    };
    check::head_after(turn, before, updated_ms)
}
