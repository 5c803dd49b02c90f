//! Commits: whatever callers bring while a script is under way goes out together with the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use duroxide_core::providers::room::Taken;
use duroxide_core::providers::watchers::Changes;
use duroxide_core::providers::{
    Commit, Committed, Envelope, Incarnation, InstanceHead, NewInstance, ProviderError, TaskQueue,
    TurnCommit, TurnCommitted, check,
};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::activity::{self, OutcomeRequest};
use crate::codec;
use crate::codes::{ActivityId, Id};
use crate::connection::Connected;
use crate::error::{self, Failure};
use crate::hub::{By, News};
use crate::link::Link;
use crate::message::EnvelopeRequest;
use crate::partition::{Partition, in_places};
use crate::provider::RedisProvider;
use crate::relay::{AllOutgoing, Sent};
use crate::script::Script;
use crate::setup::Setup;
use crate::turn::{self, TurnRequest};

pub(crate) type Answer = Result<Committed, ProviderError>;

/// How many scripts are under way at a time. While the server works on one, what comes meanwhile is
/// gathered: one script of many operations costs it far less than many of one.
const UNDER_WAY_MAX: usize = 1;
/// How many operations a script applies: the server does nothing else meanwhile.
const BATCH_OPERATIONS_MAX: usize = 512;
/// How many bytes of bodies a script is given, but for an operation that is larger alone.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The operations of one caller.
pub(crate) struct CommitJob {
    operations: Vec<Commit>,
    bytes: usize,
    reply: oneshot::Sender<Vec<Answer>>,
    /// What it takes of the queue, until it is answered.
    _room: Taken,
}

/// Serves until the queue is closed and empty.
pub(crate) async fn run(
    setup: Arc<Setup>,
    link: Link,
    mut queue: mpsc::UnboundedReceiver<CommitJob>,
) {
    let scripts = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut under_way = JoinSet::new();
    let mut waiting = Vec::new();
    loop {
        if waiting.is_empty() && queue.recv_many(&mut waiting, BATCH_OPERATIONS_MAX).await == 0 {
            break;
        }
        let Ok(permit) = Arc::clone(&scripts).acquire_owned().await else {
            break;
        };
        while under_way.try_join_next().is_some() {}
        // What has come meanwhile goes along.
        while waiting.len() < BATCH_OPERATIONS_MAX {
            match queue.try_recv() {
                Ok(job) => waiting.push(job),
                Err(_) => break,
            }
        }
        let jobs = next_batch(&mut waiting);
        match link.connected().await {
            Ok(connected) => {
                under_way.spawn(serve(
                    Arc::clone(&setup),
                    (link.clone(), connected),
                    jobs,
                    permit,
                ));
            }
            Err(failure) => {
                for job in jobs.into_iter().chain(waiting.drain(..)) {
                    job.fail(&failure);
                }
                // Whoever waits meanwhile would wait for as long once more.
                while let Ok(job) = queue.try_recv() {
                    job.fail(&failure);
                }
            }
        }
    }
    under_way.join_all().await;
}

/// Takes as many jobs as one script may have, one at least.
fn next_batch(waiting: &mut Vec<CommitJob>) -> Vec<CommitJob> {
    let (mut operations, mut bytes) = (0, 0_usize);
    let fitting = waiting.iter().take_while(|job| {
        let is_first = operations == 0;
        operations += job.operations.len();
        bytes = bytes.saturating_add(job.bytes);
        is_first || (operations <= BATCH_OPERATIONS_MAX && bytes <= BATCH_BYTES_MAX)
    });
    let count = fitting.count();
    waiting.drain(..count).collect()
}

impl CommitJob {
    fn fail(self, failure: &Failure) {
        let answers = error::for_each(failure, "commit", true, self.operations.len());
        self.reply.send(answers).ok();
    }

    fn answer(self, members: Vec<Member>, setup: &Setup) {
        let each = self.operations.iter().zip(members);
        let each =
            each.map(|(operation, (answer, refusal))| answer.understood(operation, refusal, setup));
        let answers = each.collect();
        // A caller who has gone away wants no answer.
        self.reply.send(answers).ok();
    }
}

/// Commits what some callers have brought. The next script may go out as soon as this one is answered.
async fn serve(
    setup: Arc<Setup>,
    (link, connected): (Link, Connected),
    jobs: Vec<CommitJob>,
    permit: OwnedSemaphorePermit,
) {
    let operations: Vec<&Commit> = jobs.iter().flat_map(|job| &job.operations).collect();
    let called = match call(&setup, &link, connected, &operations, permit).await {
        Ok(called) => called,
        Err(failure) => return jobs.into_iter().for_each(|job| job.fail(&failure)),
    };
    let waiting = called.outgoing.members();
    let mut members = called.members.into_iter();
    let mut first = 0;
    let mut later = Vec::new();
    for job in jobs {
        let end = first + job.operations.len();
        let of_job = members.by_ref().take(job.operations.len()).collect();
        if waiting.range(first..end).next().is_some() {
            later.push((job, first..end, of_job));
        } else {
            // It has sent nothing that others have to wait for.
            job.answer(of_job, &setup);
        }
        first = end;
    }
    if later.is_empty() {
        return;
    }
    let dropped = called.outgoing.dropped().await;
    for (job, range, mut of_job) in later {
        for member in dropped.iter().filter(|it| range.contains(it)) {
            if let Some((answer, _)) = of_job.get_mut(member - range.start) {
                answer.dropped += 1;
            }
        }
        job.answer(of_job, &setup);
    }
}

/// What a script has made of a batch.
struct Called {
    members: Vec<Member>,
    outgoing: AllOutgoing,
}

/// What became of a member, and what is wrong with it that the store has no part in.
type Member = (MemberAnswer, Option<ProviderError>);

#[derive(Serialize)]
struct Request<'a> {
    node: Id,
    bell: &'a str,
    limits: LimitsRequest,
    /// Whether something is written in any case: replicas are waited for by what was written.
    writes: bool,
    /// The queues whose turns are taken on here.
    taken: BTreeMap<Arc<str>, bool>,
    /// The instances that may change, for those who watch them elsewhere.
    changed: Vec<&'a str>,
    operations: Vec<Operation<'a>>,
}

/// The limits that only the store can tell to be passed.
#[derive(Serialize)]
struct LimitsRequest {
    topic: usize,
    mail: usize,
    control: usize,
    values: usize,
    values_bytes: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Operation<'a> {
    Turn(Box<TurnRequest<'a>>),
    Outcome(Box<OutcomeRequest<'a>>),
    Send(Box<EnvelopeRequest<'a>>),
}

/// What an operation's request borrows from, beside the operation.
enum Owned {
    Newborn(Option<NewInstance>),
    Envelope(Option<Envelope>),
}

#[derive(Deserialize)]
struct Answers {
    now: u64,
    seq: u64,
    answers: Vec<MemberAnswer>,
    turns: Vec<(Arc<str>, u64)>,
    activities: Vec<(Arc<str>, u64)>,
    /// What was left to the relay.
    sent: Vec<Sent>,
}

/// What a script answers to an operation. It leaves out what there is none of.
#[derive(Deserialize, Default)]
#[serde(default)]
struct MemberAnswer {
    /// Why it was refused.
    no: Option<String>,
    /// What has failed in a member that could not be applied for what is stored.
    why: Option<String>,
    /// At which of its parts, from 1.
    place: usize,
    repeated: bool,
    cancelled: Vec<(ActivityId, Id)>,
    dropped: usize,
    life: Option<Id>,
    queue: Option<Arc<str>>,
    created: u64,
    has_parent: bool,
    suspended: bool,
}

/// Commits operations by one script, and makes known what that did.
async fn call(
    setup: &Arc<Setup>,
    link: &Link,
    connected: Connected,
    operations: &[&Commit],
    permit: OwnedSemaphorePermit,
) -> Result<Called, Failure> {
    let server = &setup.access.location.server;
    let limits = &setup.access.options.limits;
    let owned: Vec<Owned> = operations
        .iter()
        .map(|operation| match operation {
            Commit::Turn(turn) => Owned::Newborn(turn::newborn(turn)),
            Commit::Activity(outcome) => Owned::Envelope(activity::envelope_of(outcome)),
            Commit::Send(_) => Owned::Envelope(None),
        })
        .collect();
    let mut refusals = Vec::new();
    let mut members = Vec::new();
    for (operation, owned) in operations.iter().zip(&owned) {
        let (member, refusal) = match (operation, owned) {
            (Commit::Turn(turn), Owned::Newborn(newborn)) => {
                let (mut request, refusal) = TurnRequest::of(turn, newborn.as_ref(), limits);
                request.route(|to| link.partition().other(setup.partitions.index_of(to)));
                (Operation::Turn(Box::new(request)), refusal)
            }
            (Commit::Activity(outcome), Owned::Envelope(envelope)) => {
                let (request, refusal) = OutcomeRequest::of(outcome, envelope.as_ref(), limits);
                (Operation::Outcome(Box::new(request)), refusal)
            }
            (Commit::Send(envelope), _) => (
                Operation::Send(Box::new(EnvelopeRequest::of(envelope))),
                None,
            ),
            (Commit::Turn(_) | Commit::Activity(_), _) => continue,
        };
        members.push(member);
        refusals.push(refusal);
    }
    let taken = setup.hub.taken_queues().into_iter();
    let request = Request {
        node: setup.node,
        bell: &link.partition().bell,
        limits: LimitsRequest {
            topic: limits.topic_messages_max,
            mail: limits.mail_messages_max,
            control: limits.control_messages_max,
            values: limits.values_max,
            values_bytes: limits.values_bytes_max,
        },
        writes: setup.access.options.replicas_min > 0,
        taken: taken.map(|queue| (queue, true)).collect(),
        changed: operations
            .iter()
            .flat_map(|it| changed_by(it))
            .filter(|id| setup.partitions.index_of(id) == link.partition().index)
            .collect(),
        operations: members,
    };
    let argument = codec::encode(&request);
    let argument = argument.map_err(|why| Failure::damaged(why, server))?;
    let answer = link.call(connected, Script::Commit, &argument).await?;
    let mut answers: Answers =
        codec::decode(&answer).map_err(|why| Failure::damaged(why, server))?;
    if answers.answers.len() != operations.len() {
        return Err(Failure::damaged("an answer is missing", server));
    }
    publish(setup, link.partition().index, operations, &answers);
    let sent = mem::take(&mut answers.sent);
    let repeated = targets_of_repeated(setup, link, operations, &answers);
    let outgoing = AllOutgoing::post(setup, link.partition(), operations, sent, repeated);
    drop(permit);
    Ok(Called {
        members: answers.answers.into_iter().zip(refusals).collect(),
        outgoing,
    })
}

/// The partitions to which turns have sent something that were committed before, and the places of those.
fn targets_of_repeated(
    setup: &Setup,
    link: &Link,
    operations: &[&Commit],
    answers: &Answers,
) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut targets: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let each = operations.iter().zip(&answers.answers).enumerate();
    for (member, (operation, answer)) in each {
        let Commit::Turn(turn) = operation else {
            continue;
        };
        for envelope in turn.messages.iter().filter(|_| answer.repeated) {
            let receiver = setup.partitions.index_of(envelope.recipient.instance());
            if let Some(target) = link.partition().other(receiver) {
                targets.entry(target).or_default().insert(member);
            }
        }
    }
    targets
}

/// The instances whose heads an operation may change.
fn changed_by(operation: &Commit) -> impl Iterator<Item = &str> {
    let turn = match operation {
        Commit::Turn(turn) => Some(turn.instance.as_str()),
        Commit::Send(_) | Commit::Activity(_) => None,
    };
    let begun = begun_by(operation).map(|envelope| envelope.recipient.instance().as_str());
    turn.into_iter().chain(begun)
}

/// Makes known here what a script did; it has told the others itself.
fn publish(setup: &Setup, part: usize, operations: &[&Commit], answers: &Answers) {
    let hub = &setup.hub;
    let news = News {
        at_ms: answers.now,
        sequence: answers.seq,
        turns: answers.turns.clone(),
        activities: answers.activities.clone(),
    };
    hub.arrive(part, &news, By::This);
    let mut changes = Changes::new();
    for (operation, answer) in operations.iter().zip(&answers.answers) {
        if answer.no.is_some() || answer.repeated {
            continue;
        }
        if let Commit::Turn(turn) = operation
            && hub.watchers.has(&turn.instance)
        {
            let head = answer.head_after(turn, answers.now);
            changes.insert(turn.instance.clone(), head.map(Box::new));
        }
        for envelope in begun_by(operation) {
            let instance = envelope.recipient.instance();
            // Of those that are elsewhere is told when they are there.
            if setup.partitions.of(instance).index == part {
                changes.insert(instance.clone(), None);
            }
        }
    }
    hub.watchers.wake(changes);
}

/// The messages of an operation that create instances.
fn begun_by(operation: &Commit) -> impl Iterator<Item = &Envelope> {
    let messages = match operation {
        Commit::Turn(turn) => turn.messages.as_slice(),
        Commit::Send(envelope) => std::slice::from_ref(envelope),
        Commit::Activity(_) => &[],
    };
    messages
        .iter()
        .filter(|it| it.recipient.created().is_some())
}

impl MemberAnswer {
    /// The head as a turn has left it, for those who watch it; `None` where they have to read it.
    fn head_after(&self, turn: &TurnCommit, now_ms: u64) -> Option<InstanceHead> {
        if self.has_parent {
            return None;
        }
        let before = check::Before {
            incarnation: Incarnation(self.life?.0),
            queue: TaskQueue(Arc::clone(self.queue.as_ref()?)),
            parent: None,
            suspended: self.suspended,
            created_at_ms: self.created,
        };
        check::head_after(turn, before, now_ms)
    }

    /// What it means to whoever has brought the operation.
    fn understood(
        self,
        operation: &Commit,
        refusal: Option<ProviderError>,
        setup: &Setup,
    ) -> Answer {
        if let Some(why) = &self.no {
            return Err(self.refused(why, operation, refusal, setup));
        }
        Ok(match operation {
            Commit::Turn(turn) => {
                let life = self.life.map(|life| Incarnation(life.0));
                let cancelled = self.cancelled.into_iter().zip(std::iter::repeat(life));
                let lease = |((id, token), life): ((ActivityId, Id), Option<Incarnation>)| {
                    Some(activity::lease_of(&turn.instance, life?, id, token))
                };
                Committed::Turn(TurnCommitted {
                    repeated: self.repeated,
                    cancelled: cancelled.filter_map(lease).collect(),
                    messages_dropped: self.dropped,
                })
            }
            Commit::Activity(_) => Committed::Activity {
                messages_dropped: self.dropped,
            },
            Commit::Send(_) => Committed::Sent,
        })
    }

    fn refused(
        &self,
        why: &str,
        operation: &Commit,
        refusal: Option<ProviderError>,
        setup: &Setup,
    ) -> ProviderError {
        let id = operation.instance();
        let limits = &setup.access.options.limits;
        let unknown = || {
            let answer = format!("the refusal `{why}` is not known");
            Failure::damaged(answer, &setup.access.location.server).error("commit", true)
        };
        match why {
            "exists" => error::already_exists(id),
            "not_found" => error::not_found("commit", id),
            "lease_lost" => match operation {
                Commit::Activity(outcome) => {
                    error::activity_lease_lost("commit", &outcome.lease.key)
                }
                Commit::Turn(_) | Commit::Send(_) => error::turn_lease_lost("commit", id),
            },
            "activity_lost" => match operation {
                Commit::Turn(turn) => turn
                    .completed
                    .get(self.place.wrapping_sub(1))
                    .map_or_else(unknown, |lease| {
                        error::activity_lease_lost("commit", &lease.key)
                    }),
                Commit::Activity(_) | Commit::Send(_) => unknown(),
            },
            "damaged" => error::damaged("commit", id, self.why.as_deref().unwrap_or_default()),
            "conflict" => error::position_conflict(id),
            "not_ended" => error::not_ended(id),
            "key_taken" => error::activity_key_taken(id),
            "refused" => refusal.unwrap_or_else(unknown),
            "values_max" => error::limit_exceeded(id, "values_max", limits.values_max),
            "values_bytes_max" => {
                error::limit_exceeded(id, "values_bytes_max", limits.values_bytes_max)
            }
            "ended" => error::ended(id),
            "topic_full" => {
                error::mailbox_full(id, "topic_messages_max", limits.topic_messages_max)
            }
            "mail_full" => error::mailbox_full(id, "mail_messages_max", limits.mail_messages_max),
            "control_full" => error::control_full(id, limits.control_messages_max),
            _ => unknown(),
        }
    }
}

impl RedisProvider {
    pub(crate) async fn commit_batch(&self, operations: Vec<Commit>) -> Vec<Answer> {
        let limits = &self.setup.access.options.limits;
        let refusals = check::batch(limits, &operations);
        let each = operations.into_iter().zip(refusals);
        let mut answers: Vec<Option<Answer>> = Vec::new();
        let mut accepted = Vec::new();
        for (operation, refusal) in each {
            let refusal = refusal.or_else(|| check_send(limits, &operation));
            if refusal.is_none() {
                accepted.push(operation);
            }
            answers.push(refusal.map(Err));
        }
        let mut committed = self.commit_accepted(accepted).await.into_iter();
        answers
            .into_iter()
            .map(|answer| {
                let abandoned = || {
                    let failure = Failure::abandoned(&self.setup.access.location.server);
                    Err(failure.error("commit", true))
                };
                answer
                    .or_else(|| committed.next())
                    .unwrap_or_else(abandoned)
            })
            .collect()
    }

    async fn commit_accepted(&self, operations: Vec<Commit>) -> Vec<Answer> {
        let partitions = &self.setup.partitions;
        let groups = partitions.group(operations, Commit::instance);
        let each = groups.into_iter().map(|group| async move {
            let answers = self.commit_in(group.partition, group.items).await;
            (group.places, answers)
        });
        in_places(join_all(each).await)
    }

    async fn commit_in(&self, partition: &Partition, operations: Vec<Commit>) -> Vec<Answer> {
        let server = &self.setup.access.location.server;
        let count = operations.len();
        let bytes = operations.iter().map(check::commit_bytes);
        let bytes = bytes.fold(0, usize::saturating_add);
        let (reply, answers) = oneshot::channel();
        let job = CommitJob {
            operations,
            bytes,
            reply,
            _room: self.setup.room_for_writes(count, bytes).await,
        };
        if !partition.commit(job) {
            return error::for_each(&Failure::closed(server), "commit", true, count);
        }
        let abandoned = Failure::abandoned(server);
        let answers = answers.await;
        answers.unwrap_or_else(|_| error::for_each(&abandoned, "commit", true, count))
    }
}

/// What is wrong with a client's message, whatever the store says.
fn check_send(
    limits: &duroxide_core::providers::Limits,
    operation: &Commit,
) -> Option<ProviderError> {
    match operation {
        Commit::Send(envelope) => {
            let instance = envelope.recipient.instance();
            check::envelope_limits(limits, instance, envelope).err()
        }
        Commit::Turn(_) | Commit::Activity(_) => None,
    }
}
