//! Commits: whatever callers bring while a call is under way goes out together with the next one.

use std::collections::HashMap;
use std::sync::Arc;

use duroxide_core::providers::room::Taken;
use duroxide_core::providers::watchers::Changes;
use duroxide_core::providers::{
    ActivityLease, Commit, Committed, InstanceId, ProviderError, TurnCommit, TurnCommitted, check,
};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};
use tokio::sync::oneshot;

use crate::activity::OutcomeColumns;
use crate::bell::Bell;
use crate::codes::{self, index, place};
use crate::error::{self, Failure};
use crate::hub::{self, Since};
use crate::lane::Job;
use crate::message::{CLIENT, EnvelopeColumns};
use crate::provider::PostgresProvider;
use crate::queue::{BatchMax, Queue, Weighted};
use crate::session::Session;
use crate::setup::Setup;
use crate::turn::{TurnColumns, head_after};
use crate::wave;

pub(crate) type Answer = Result<Committed, ProviderError>;

/// How often a call is made whose transaction was in the way of another one.
const ATTEMPTS_MAX: u32 = 3;

/// What the function says of a turn, an outcome or an envelope.
mod code {
    pub(super) const DONE: i16 = 0;
    pub(super) const REPEATED: i16 = 1;
    pub(super) const ALREADY_EXISTS: i16 = 2;
    pub(super) const LEASE_LOST: i16 = 3;
    pub(super) const POSITION_CONFLICT: i16 = 4;
    pub(super) const ACTIVITY_LOST: i16 = 5;
    pub(super) const NOT_VALID: i16 = 6;
    pub(super) const ABSENT: i16 = 7;
    pub(super) const INBOX_FULL: i16 = 8;
    pub(super) const NOTHING_TO_DO: i16 = 9;
}

/// The operations of one caller.
pub(crate) struct CommitJob {
    operations: Vec<Commit>,
    bytes: usize,
    reply: oneshot::Sender<Vec<Answer>>,
    /// What it takes of the queue, until it is answered.
    _room: Taken,
}

impl Weighted for CommitJob {
    fn parts(&self) -> usize {
        self.operations.len()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Job for CommitJob {
    const BATCH_MAX: BatchMax = BatchMax {
        parts: 512,
        bytes: 4 * 1024 * 1024,
    };

    fn queue(setup: &Setup) -> &Queue<Self> {
        &setup.commits
    }

    async fn serve(jobs: Vec<Self>, session: &mut Session) {
        let operations: Vec<&Commit> = jobs.iter().flat_map(|job| &job.operations).collect();
        let mut answers: Vec<Option<Answer>> = operations.iter().map(|_| None).collect();
        for wave in wave::split(&operations) {
            let members: Vec<&Commit> = pick(&operations, &wave);
            let of_wave = commit_wave(session, &members).await;
            for (place, answer) in wave.into_iter().zip(of_wave) {
                if let Some(slot) = answers.get_mut(place) {
                    *slot = Some(answer);
                }
            }
        }
        let mut answers = answers.into_iter().flatten();
        for job in jobs {
            let of_job = answers.by_ref().take(job.operations.len()).collect();
            // A caller who has gone away wants no answer.
            job.reply.send(of_job).ok();
        }
    }
}

fn pick<'a>(operations: &[&'a Commit], places: &[usize]) -> Vec<&'a Commit> {
    let chosen = places.iter().filter_map(|place| operations.get(*place));
    chosen.copied().collect()
}

/// Commits operations that do not disturb one another in one transaction; if that fails, each in one of
/// its own, so that the culprit alone fails.
async fn commit_wave(session: &mut Session, operations: &[&Commit]) -> Vec<Answer> {
    match call_patiently(session, operations).await {
        Ok(answers) => answers,
        Err(failure) if operations.len() > 1 && failure.stage == error::Stage::Answered => {
            let mut answers = Vec::with_capacity(operations.len());
            for operation in operations {
                let single = call_patiently(session, &[operation]).await;
                answers.extend(single.unwrap_or_else(|failure| vec![Err(failed(&failure))]));
            }
            answers
        }
        Err(failure) => operations.iter().map(|_| Err(failed(&failure))).collect(),
    }
}

fn failed(failure: &Failure) -> ProviderError {
    failure.error("commit", true)
}

/// Calls once more where two transactions were in each other's way.
async fn call_patiently(
    session: &mut Session,
    operations: &[&Commit],
) -> Result<Vec<Answer>, Failure> {
    let mut attempt = 1;
    loop {
        match call(session, operations).await {
            Err(failure) if failure.is_conflict() && attempt < ATTEMPTS_MAX => attempt += 1,
            answer => return answer,
        }
    }
}

async fn call(session: &mut Session, operations: &[&Commit]) -> Result<Vec<Answer>, Failure> {
    let setup = Arc::clone(&session.setup);
    let (columns, mut members) = Columns::of(operations, &setup);
    if columns.refs.ids.is_empty() {
        // Nothing of it can be stored.
        return Ok(members.answers(operations, setup.options.limits.inbox_messages_max));
    }
    let Columns {
        refs,
        turns,
        outcomes,
        envelopes,
    } = columns;
    let senders = envelopes.senders();
    let since = setup.hub.since();
    let durability = setup.options.synchronous_commit.map(|level| level.value());
    let inbox_messages_max = setup.options.limits.inbox_messages_max;
    let statement = setup
        .functions
        .commit
        .call()
        .bind(setup.node)
        .bind(durability)
        .bind(codes::bounded_size(inbox_messages_max))
        .bind(refs.ids);
    let statement = envelopes.bind(outcomes.bind(turns.bind(statement)));
    let rows = session.fetch(statement).await?;
    let effects = members
        .take_in(&rows, operations, &senders)
        .map_err(Failure::of_call)?;
    publish(&setup, operations, &members, &effects, since);
    Ok(members.answers(operations, inbox_messages_max))
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
fn check_envelope(
    setup: &Setup,
    envelope: &duroxide_core::providers::Envelope,
) -> Result<(), ProviderError> {
    use duroxide_core::providers::Recipient;
    let instance = envelope.recipient.instance();
    check::envelope_limits(&setup.options.limits, instance, envelope)?;
    match &envelope.recipient {
        Recipient::NewInstance { orchestration, .. } if orchestration.contains('\0') => {
            Err(error::invalid(
                "commit",
                instance,
                "the name holds a character that PostgreSQL cannot store; use names without NUL",
            ))
        }
        Recipient::NewInstance { .. } | Recipient::Instance { .. } => Ok(()),
    }
}

/// What a call has done, for those who wait.
struct Effects {
    at_ms: i64,
    turn_due_ms: Option<i64>,
    has_peers: bool,
}

/// One operation of a call.
struct Member {
    /// What is wrong with it, whatever the store says.
    wrong: Option<ProviderError>,
    code: i16,
    turn: TurnCommitted,
    incarnation: uuid::Uuid,
    created_ms: i64,
    /// The first of the activities that the turn completes whose lease is not held.
    lost: Option<usize>,
}

/// The operations of a call, and what came of each.
#[derive(Default)]
struct Members {
    all: Vec<Member>,
    /// Which member the turn, the outcome or the client's envelope at a place is.
    turns: HashMap<i32, usize>,
    outcomes: HashMap<i32, usize>,
    sends: HashMap<i32, usize>,
}

impl Members {
    fn push(&mut self, operation: &Commit, place: i32, wrong: Option<ProviderError>) {
        let member = self.all.len();
        match operation {
            Commit::Turn(_) => {
                self.turns.insert(place, member);
            }
            Commit::Activity(_) => {
                self.outcomes.insert(place, member);
            }
            Commit::Send(_) if wrong.is_none() => {
                self.sends.insert(place, member);
            }
            // It was not sent.
            Commit::Send(_) => {}
        }
        self.all.push(Member {
            wrong,
            code: code::NOT_VALID,
            turn: TurnCommitted::default(),
            incarnation: uuid::Uuid::nil(),
            created_ms: 0,
            lost: None,
        });
    }

    fn at(&mut self, places: Places, place: i32) -> Result<&mut Member, Error> {
        let places = match places {
            Places::Turns => &self.turns,
            Places::Outcomes => &self.outcomes,
            Places::Sends => &self.sends,
        };
        let member = places.get(&place).and_then(|it| self.all.get_mut(*it));
        member.ok_or_else(|| Error::Decode(format!("there is no member {place}").into()))
    }

    /// Takes in what the function answered.
    fn take_in(
        &mut self,
        rows: &[PgRow],
        operations: &[&Commit],
        senders: &[(i32, duroxide_core::providers::MessageId)],
    ) -> Result<Effects, Error> {
        let mut effects = Err(Error::RowNotFound);
        for row in rows {
            let kind: i16 = row.try_get("kind")?;
            let place: i32 = row.try_get("place")?;
            let code: i16 = row.try_get("code")?;
            match kind {
                0 => {
                    effects = Ok(Effects {
                        at_ms: row.try_get("at_ms")?,
                        turn_due_ms: row.try_get("turn_due")?,
                        has_peers: row.try_get("has_peers")?,
                    });
                }
                1 => {
                    let member = self.at(Places::Turns, place)?;
                    member.code = code;
                    member.turn.repeated = code == code::REPEATED;
                    member.turn.lease_kept = row.try_get("lease_kept")?;
                    member.incarnation = row.try_get("incarnation")?;
                    member.created_ms = row.try_get("created_ms")?;
                    member.lost = index(row.try_get::<i64, _>("activity_id")?);
                }
                2 => self.at(Places::Outcomes, place)?.code = code,
                3 => self.at(Places::Sends, place)?.code = code,
                4 => {
                    let turn = self.turns.get(&place).and_then(|it| operations.get(*it));
                    let Some(Commit::Turn(turn)) = turn else {
                        return Err(Error::Decode("a cancellation of no turn".into()));
                    };
                    self.at(Places::Turns, place)?.take_cancelled(row, turn)?;
                }
                _ => {
                    let sender = index(i64::from(place)).and_then(|it| senders.get(it));
                    let (turn, message) = *sender.ok_or(Error::RowNotFound)?;
                    let member = self.at(Places::Turns, turn)?;
                    member.turn.undelivered.push(message);
                }
            }
        }
        // A cancelled activity is named with the life of its instance, which comes in its turn's row.
        for member in &mut self.all {
            let incarnation = duroxide_core::providers::Incarnation(member.incarnation);
            for lease in &mut member.turn.cancelled {
                lease.key.incarnation = incarnation;
            }
        }
        effects
    }

    fn answers(self, operations: &[&Commit], inbox_messages_max: usize) -> Vec<Answer> {
        let each = self.all.into_iter().zip(operations);
        each.map(|(member, operation)| member.answer(operation, inbox_messages_max))
            .collect()
    }
}

/// Which kind of members a place counts.
enum Places {
    Turns,
    Outcomes,
    Sends,
}

impl Member {
    fn take_cancelled(&mut self, row: &PgRow, turn: &TurnCommit) -> Result<(), Error> {
        let key = duroxide_core::providers::ActivityKey {
            instance: turn.instance.clone(),
            incarnation: duroxide_core::providers::Incarnation(self.incarnation),
            execution: codes::unsigned(row.try_get("execution")?)?,
            activity_id: codes::unsigned(row.try_get("activity_id")?)?,
        };
        let token = duroxide_core::providers::LeaseToken(row.try_get("token")?);
        self.turn.cancelled.push(ActivityLease { key, token });
        Ok(())
    }

    fn answer(self, operation: &Commit, inbox_messages_max: usize) -> Answer {
        let instance = operation.instance();
        match self.code {
            code::DONE | code::REPEATED | code::NOTHING_TO_DO => Ok(match operation {
                Commit::Turn(_) => Committed::Turn(self.turn),
                // An activity is removed together with its instance, so that it has one.
                Commit::Activity(_) => Committed::Activity { undelivered: None },
                Commit::Send(_) => Committed::Sent,
            }),
            code::ALREADY_EXISTS => Err(error::already_exists(instance)),
            code::LEASE_LOST => Err(match operation {
                Commit::Activity(outcome) => {
                    error::activity_lease_lost("commit", &outcome.lease.key)
                }
                Commit::Turn(_) | Commit::Send(_) => error::turn_lease_lost("commit", instance),
            }),
            code::POSITION_CONFLICT => Err(error::position_conflict(instance)),
            code::ACTIVITY_LOST => {
                let completed = match operation {
                    Commit::Turn(turn) => self.lost.and_then(|it| turn.completed.get(it)),
                    Commit::Activity(_) | Commit::Send(_) => None,
                };
                Err(match completed {
                    Some(lease) => error::activity_lease_lost("commit", &lease.key),
                    None => error::turn_lease_lost("commit", instance),
                })
            }
            code::ABSENT => Err(error::not_found("commit", instance)),
            code::INBOX_FULL => Err(error::inbox_full(instance, inbox_messages_max)),
            unknown => Err(self.wrong.unwrap_or_else(|| {
                ProviderError::permanent("commit", "the database answered with an unknown code")
                    .with_context("code", unknown)
            })),
        }
    }
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
    let updated_ms = u64::try_from(effects.at_ms).unwrap_or(0);
    for (member, operation) in members.all.iter().zip(operations) {
        let Commit::Turn(turn) = operation else {
            if let Commit::Send(envelope) = operation
                && member.code == code::DONE
            {
                let is_start = matches!(
                    envelope.recipient,
                    duroxide_core::providers::Recipient::NewInstance { .. }
                );
                if is_start {
                    changes.insert(operation.instance().clone(), None);
                    bell.change(operation.instance());
                }
            }
            continue;
        };
        if member.code != code::DONE {
            continue;
        }
        bell.change(&turn.instance);
        if hub.watchers.has(&turn.instance) {
            let created_ms = u64::try_from(member.created_ms).unwrap_or(0);
            let head = head_after(turn, member.incarnation, created_ms, updated_ms);
            changes.insert(turn.instance.clone(), head);
        }
        for activity in &turn.activities {
            let lease_ms = activity.reservation.map_or(0, |it| codes::millis(it.lease));
            let queue = hub::Queue::Activities(Arc::clone(&activity.queue.0));
            hub.raise(&queue, effects.at_ms.saturating_add(lease_ms), since);
            bell.activities |= activity.reservation.is_none();
        }
    }
    if let Some(due_ms) = effects.turn_due_ms {
        hub.raise(&hub::Queue::Turns, due_ms, since);
        bell.turns = true;
    }
    hub.watchers.wake(changes);
    hub.tell(effects.has_peers, bell);
}

impl PostgresProvider {
    pub(crate) async fn commit_batch(&self, operations: Vec<Commit>) -> Vec<Answer> {
        let refusals = check::batch(&self.setup.options.limits, &operations);
        let each = operations.into_iter().zip(refusals);
        let mut answers: Vec<Option<Answer>> = Vec::new();
        let mut accepted = Vec::new();
        for (operation, refusal) in each {
            if refusal.is_none() {
                accepted.push(operation);
            }
            answers.push(refusal.map(Err));
        }
        let mut committed = self.commit_accepted(accepted).await.into_iter();
        answers
            .into_iter()
            .map(|answer| {
                let or_committed = || committed.next();
                answer
                    .or_else(or_committed)
                    .unwrap_or_else(|| Err(error::abandoned("commit", true)))
            })
            .collect()
    }

    async fn commit_accepted(&self, operations: Vec<Commit>) -> Vec<Answer> {
        if operations.is_empty() {
            return Vec::new();
        }
        let count = operations.len();
        let bytes = operations.iter().map(check::commit_bytes);
        let bytes = bytes.fold(0, usize::saturating_add);
        let (reply, answers) = oneshot::channel();
        let job = CommitJob {
            operations,
            bytes,
            reply,
            _room: self.rooms.for_writes(count, bytes).await,
        };
        if self.setup.commits.push(job).is_err() {
            return (0..count).map(|_| Err(error::closed("commit"))).collect();
        }
        let abandoned = |_| {
            (0..count)
                .map(|_| Err(error::abandoned("commit", true)))
                .collect()
        };
        answers.await.unwrap_or_else(abandoned)
    }
}
