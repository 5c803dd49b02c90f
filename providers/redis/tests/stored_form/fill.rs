//! A small store that has something of everything. Ids are given and time is moved, so that it is the same
//! whenever it is made, but for the tokens of leases.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    Channel, ClaimActivities, ClaimTurns, ClaimedActivity, Commit, CommitId, DeleteMode, Envelope,
    ExecutionStatus, ExecutionUpdate, HistoryChunk, Incarnation, InstanceId, Labels, Lease,
    LeaseToken, Message, MessageId, NewActivity, NewInstance, NewValue, Parent, Provider,
    Recipient, Release, ReleasedAttempts, Reservation, TaskQueue, Topic, Turn, TurnCommit,
    ValueKey, ValueUpdate,
};
use duroxide_provider_tests::TestClock;
use uuid::Uuid;

use crate::HUNDRED_YEARS;
use crate::operations::{self, LEASE, apply, id};

/// Waits, with a message of each kind and a timer: more messages than a head holds.
pub(crate) const WAITING: &str = "waiting";
/// Has everything that a turn leaves.
pub(crate) const PARENT: &str = "parent";
/// Was released with a note.
pub(crate) const CHILD: &str = "parent::sub::2";
pub(crate) const SUSPENDED: &str = "suspended";
pub(crate) const ENDED: &str = "ended";
/// Has ended with an output that lies beside its head.
pub(crate) const LONG: &str = "long";
/// Is in its second execution.
pub(crate) const TWICE: &str = "twice";
/// An id with whatever an id may hold.
pub(crate) const ODD: &str = "an \"odd\" id: 'ü' {braces} [0-9]*?";
/// Is deleted, and has left keys.
pub(crate) const GONE: &str = "gone";

/// All that are there, in their order.
pub(crate) const INSTANCES: [&str; 8] =
    [ODD, ENDED, LONG, PARENT, CHILD, SUSPENDED, TWICE, WAITING];

pub(crate) const TOPIC: &str = "mail: ü";
pub(crate) const GPU: &str = "gpu 1";
/// More topics than go with their instance at once.
const TOPICS: usize = 66;

/// A pause between two steps, so that times are told apart.
const STEP: Duration = Duration::from_secs(1);
/// How long it takes to fill a store.
pub(crate) const FILLED_IN: Duration = Duration::from_secs(9);
pub(crate) const TIMER: Duration = Duration::from_secs(60 * 60);
pub(crate) const NOTE_DELAY: Duration = Duration::from_secs(2 * 60 * 60);

pub(crate) fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_0000_0000 + number)
}

/// The life of an instance, which is the id of the message that starts it.
pub(crate) fn life(instance: &str) -> Incarnation {
    let place = INSTANCES.iter().position(|it| *it == instance);
    Incarnation(uuid(place.map_or(0, |it| it as u128 + 1)))
}

pub(crate) fn message(number: u128, channel: Channel) -> Message {
    Message {
        id: MessageId(uuid(number)),
        channel,
        execution: None,
        body: format!("message {number}").into(),
    }
}

pub(crate) fn to(instance: &str, message: Message) -> Envelope {
    Envelope {
        recipient: Recipient::Instance {
            instance: id(instance),
            incarnation: None,
        },
        delay: Duration::ZERO,
        message,
    }
}

pub(crate) fn labels() -> Labels {
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    Labels::from([label("colour", "red: ü"), label("empty", "")])
}

pub(crate) fn long_output() -> Bytes {
    vec![0xff; 2_000].into()
}

/// The start of an instance.
fn start(instance: &str) -> Envelope {
    let mut newborn = NewInstance::new(id(instance), "Orchestration");
    newborn.core_state = Bytes::from_static(b"\x00born\xff");
    if instance == WAITING {
        newborn.labels = labels();
    }
    if instance == CHILD {
        newborn.parent = Some(Parent {
            instance: id(PARENT),
            incarnation: life(PARENT),
        });
    }
    let start = MessageId(life(instance).0);
    Envelope {
        recipient: Recipient::NewInstance(newborn),
        delay: Duration::ZERO,
        message: Message {
            id: start,
            ..message(0, Channel::System)
        },
    }
}

/// Claims the turn of one instance.
pub(crate) async fn claim(provider: &dyn Provider, instance: &str) -> Turn {
    let claim = ClaimTurns {
        only: Some(id(instance)),
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, LEASE)
    };
    let mut claimed = provider.claim_turns(&claim).await.unwrap().items;
    assert_eq!(claimed.len(), 1, "{instance} can be claimed");
    claimed.remove(0)
}

/// Claims the activities of a queue.
pub(crate) async fn claim_activities(provider: &dyn Provider, queue: &str) -> Vec<ClaimedActivity> {
    let claim = ClaimActivities::new(vec![TaskQueue::from(queue)], 9, LEASE);
    provider.claim_activities(&claim).await.unwrap().items
}

/// A commit with an id of its own, which consumes the messages of its turn and appends an event.
fn commit_of(turn: &Turn, number: u128, activities: Vec<NewActivity>) -> TurnCommit {
    let mut commit = operations::commit_of(turn, activities);
    commit.commit_id = CommitId(uuid(number));
    commit.head.version = Some("1.2.3".to_owned());
    commit.head.core_state = Bytes::from_static(b"\x00state\xff");
    commit
}

pub(crate) fn event(first_event_id: u64, event_count: u64, body: &'static [u8]) -> HistoryChunk {
    HistoryChunk {
        first_event_id,
        event_count,
        body: Bytes::from_static(body),
    }
}

fn activity(activity_id: u64, queue: &str) -> NewActivity {
    NewActivity {
        queue: TaskQueue::from(queue),
        body: format!("activity {activity_id}").into(),
        ..operations::activity(activity_id)
    }
}

pub(crate) const RESERVED: LeaseToken = LeaseToken(Uuid::from_u128(0xabcd));

fn value(key: &str, value: &'static [u8], expires_after: Option<Duration>) -> ValueUpdate {
    ValueUpdate {
        key: ValueKey::from(key),
        value: Some(NewValue {
            value: Bytes::from_static(value),
            expires_after,
        }),
    }
}

/// The first turn of the instance that has most.
fn turn_of_parent(turn: &Turn) -> TurnCommit {
    let leased = NewActivity {
        reservation: Some(Reservation {
            token: RESERVED,
            lease: HUNDRED_YEARS,
        }),
        ..activity(1, TaskQueue::DEFAULT)
    };
    let activities = vec![leased, activity(2, GPU), activity(3, TaskQueue::DEFAULT)];
    let mut commit = commit_of(turn, 200, activities);
    commit.executions[0].chunk = Some(event(1, 3, b"\x00three events\xff"));
    commit.awaited = vec![Topic::from(TOPIC), Topic::from("another")];
    commit.values = vec![
        value("kept", b"\x00for ever\xff", None),
        value("for long: ü", b"long", Some(HUNDRED_YEARS)),
    ];
    commit.messages = vec![start(CHILD)];
    commit
}

/// Fills an empty store.
pub(crate) async fn fill(provider: &dyn Provider, clock: &dyn TestClock) {
    let send = |envelope: Envelope| apply(provider, Commit::Send(envelope));
    let commit = |turn: TurnCommit| apply(provider, Commit::Turn(turn));

    send(start(WAITING)).await;
    clock.elapse(STEP).await;
    send(to(WAITING, message(101, Channel::System))).await;
    send(to(WAITING, message(102, Channel::Control))).await;
    let topic = Topic::from(TOPIC);
    send(to(WAITING, message(103, Channel::Topic(topic.clone())))).await;
    let mut timer = to(WAITING, message(104, Channel::System));
    timer.delay = TIMER;
    timer.message.execution = Some(1);
    send(timer).await;
    send(to(WAITING, message(105, Channel::Control))).await;
    clock.elapse(STEP).await;

    send(start(PARENT)).await;
    let turn = claim(provider, PARENT).await;
    commit(turn_of_parent(&turn)).await;
    clock.elapse(STEP).await;
    let mut claimed = claim_activities(provider, TaskQueue::DEFAULT).await;
    let lease = Lease::Activity(claimed.remove(0).lease);
    let release = Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep)
        .with_details(Some(Bytes::from_static(b"\x00half way\xff")));
    released(provider, release).await;
    let mut mail = to(PARENT, message(201, Channel::Topic(topic)));
    mail.delay = TIMER;
    send(mail).await;
    clock.elapse(STEP).await;

    let lease = Lease::Turn(claim(provider, CHILD).await.lease);
    let release = Release::new(lease, NOTE_DELAY, ReleasedAttempts::Keep)
        .with_details(Some(Bytes::from_static(b"\x00a note\xff")));
    released(provider, release).await;
    clock.elapse(STEP).await;

    send(start(SUSPENDED)).await;
    let turn = claim(provider, SUSPENDED).await;
    let mut suspends = commit_of(&turn, 300, Vec::new());
    suspends.suspended = Some(true);
    commit(suspends).await;
    let of_an_execution = Message {
        execution: Some(1),
        ..message(301, Channel::System)
    };
    send(to(SUSPENDED, of_an_execution)).await;
    clock.elapse(STEP).await;

    fill_with_ends(provider, clock).await;
    send(to(TWICE, message(501, Channel::System))).await;
    send(start(ODD)).await;
    send(start(GONE)).await;
    for number in 0..TOPICS {
        let topic = Topic::from(&*format!("topic {number}"));
        send(to(
            GONE,
            message(600 + number as u128, Channel::Topic(topic)),
        ))
        .await;
    }
    let gone = InstanceId::new(GONE).unwrap();
    let deleted = provider
        .admin()
        .delete_instance(&gone, DeleteMode::Force)
        .await;
    deleted.unwrap();
    clock.elapse(STEP).await;
}

/// An instance that has ended, and one that has continued as a new execution.
async fn fill_with_ends(provider: &dyn Provider, clock: &dyn TestClock) {
    let send = |envelope: Envelope| apply(provider, Commit::Send(envelope));
    let commit = |turn: TurnCommit| apply(provider, Commit::Turn(turn));

    send(start(ENDED)).await;
    let turn = claim(provider, ENDED).await;
    commit(commit_of(&turn, 400, Vec::new())).await;
    clock.elapse(STEP).await;
    send(to(ENDED, message(401, Channel::System))).await;
    let turn = claim(provider, ENDED).await;
    let mut ends = commit_of(&turn, 402, Vec::new());
    ends.executions[0].status = ExecutionStatus::Completed;
    ends.executions[0].output = Some(Bytes::from_static(b"\x00output\xff"));
    ends.expire_after = Some(HUNDRED_YEARS);
    commit(ends).await;

    send(start(LONG)).await;
    let turn = claim(provider, LONG).await;
    let mut ends = commit_of(&turn, 450, Vec::new());
    ends.executions[0].status = ExecutionStatus::Failed;
    ends.executions[0].output = Some(long_output());
    commit(ends).await;

    send(start(TWICE)).await;
    let turn = claim(provider, TWICE).await;
    let mut goes_on = commit_of(&turn, 500, Vec::new());
    let next = ExecutionUpdate {
        execution: 2,
        chunk: Some(event(1, 2, b"of the second")),
        status: ExecutionStatus::Running,
        output: None,
    };
    goes_on.executions[0].status = ExecutionStatus::ContinuedAsNew;
    goes_on.executions[0].output = Some(Bytes::from_static(b"of the first"));
    goes_on.executions.push(next);
    commit(goes_on).await;
    clock.elapse(STEP).await;
}

async fn released(provider: &dyn Provider, release: Release) {
    for answer in provider.release(vec![release]).await {
        answer.unwrap();
    }
}
