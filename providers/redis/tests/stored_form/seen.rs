//! What a provider reads of the store.

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityRecord, Channel, CommitId, Inspect, Inspection, InstanceFilter, InstanceHead,
    InstanceStatus, ListActivities, ListOrder, Mail, MessageRecord, Parent, Position, Provider,
    ReadHistory, ReadMail, ReadValues, TaskQueue, Topic, TopicCursor, ValueKey, ValueKeys,
};

use super::fill::{
    CHILD, ENDED, GPU, INSTANCES, LONG, ODD, PARENT, SUSPENDED, TIMER, TOPIC, TWICE, WAITING,
    event, labels, life, long_output, uuid,
};
use crate::HUNDRED_YEARS;
use crate::operations::id;

/// When the store was begun, and each step of it.
const BEGUN_MS: u64 = 1_767_571_200_000;
const SECOND: u64 = 1_000;

fn at(step: u64) -> u64 {
    BEGUN_MS + step * SECOND
}

async fn inspect(provider: &dyn Provider, instance: &str) -> Inspection {
    let request = Inspect {
        with_bodies: true,
        ..Inspect::new(id(instance))
    };
    let found = provider.admin().inspect(&request).await.unwrap();
    found.unwrap()
}

async fn history(provider: &dyn Provider, instance: &str, execution: u64) -> String {
    let request = ReadHistory {
        instance: id(instance),
        execution,
        from_event_id: 1,
        bytes_max: usize::MAX,
    };
    let page = provider.read_history(&request).await.unwrap();
    assert!(!page.more);
    format!("{:?}", page.chunks)
}

async fn mail(provider: &dyn Provider, instance: &str) -> Vec<Mail> {
    let cursor = TopicCursor {
        topic: Topic::from(TOPIC),
        after: None,
    };
    let request = ReadMail {
        instance: id(instance),
        incarnation: life(instance),
        topics: vec![cursor],
        per_topic_max: 10,
        bytes_max: usize::MAX,
    };
    provider.read_mail(&request).await.unwrap().mail
}

async fn activities(provider: &dyn Provider, queue: &str) -> Vec<ActivityRecord> {
    let request = ListActivities {
        with_bodies: true,
        ..ListActivities::new(TaskQueue::from(queue))
    };
    let page = provider.admin().list_activities(&request).await.unwrap();
    page.activities
}

async fn listed(provider: &dyn Provider, filter: InstanceFilter) -> Vec<String> {
    let page = provider.admin().list_instances(&filter).await.unwrap();
    let ids = page.instances.iter();
    ids.map(|it| it.head.instance.to_string()).collect()
}

/// Everything that can be read, piece by piece.
pub(crate) async fn seen(provider: &dyn Provider) -> Vec<String> {
    let admin = provider.admin();
    let mut seen = Vec::new();
    for instance in INSTANCES {
        let head = provider.read_head(&id(instance)).await.unwrap();
        seen.push(format!("{head:?}"));
        seen.push(format!("{:?}", inspect(provider, instance).await));
        let executions = admin.list_executions(&id(instance)).await.unwrap();
        for execution in &executions {
            seen.push(history(provider, instance, execution.execution).await);
        }
        seen.push(format!("{executions:?}"));
        let request = ReadValues {
            instance: id(instance),
            keys: ValueKeys::All {
                after: None,
                bytes_max: usize::MAX,
            },
        };
        let values = provider.read_values(&request).await.unwrap();
        seen.push(format!("{values:?}"));
        seen.push(format!("{:?}", mail(provider, instance).await));
    }
    for queue in [TaskQueue::DEFAULT, GPU] {
        seen.push(format!("{:?}", activities(provider, queue).await));
    }
    let all = InstanceFilter {
        with_outputs: true,
        ..InstanceFilter::default()
    };
    let page = admin.list_instances(&all).await.unwrap();
    seen.push(format!("{page:?}"));
    seen.push(format!("{:?}", admin.metrics().await.unwrap()));
    seen
}

/// The head of an instance after its first commit.
fn begun(instance: &str, next_event_id: u64, commit: u128, step: u64) -> InstanceHead {
    InstanceHead {
        instance: id(instance),
        incarnation: life(instance),
        queue: TaskQueue::default(),
        parent: None,
        orchestration: "Orchestration".to_owned(),
        version: Some("1.2.3".to_owned()),
        status: InstanceStatus::Running,
        output: None,
        position: Position {
            execution: 1,
            next_event_id,
        },
        commit_id: Some(CommitId(uuid(commit))),
        core_state: Bytes::from_static(b"\x00state\xff"),
        awaited: Vec::new(),
        suspended: false,
        created_at_ms: at(step),
        updated_at_ms: at(step),
        note: None,
        expires_at_ms: None,
    }
}

/// The head of an instance that nobody has worked on.
fn born(instance: &str, step: u64) -> InstanceHead {
    InstanceHead {
        version: None,
        status: InstanceStatus::Pending,
        commit_id: None,
        core_state: Bytes::from_static(b"\x00born\xff"),
        ..begun(instance, 1, 0, step)
    }
}

fn long_after(step: u64) -> u64 {
    at(step) + u64::try_from(HUNDRED_YEARS.as_millis()).unwrap()
}

fn heads() -> [InstanceHead; 8] {
    let child = InstanceHead {
        parent: Some(Box::new(Parent {
            instance: id(PARENT),
            incarnation: life(PARENT),
        })),
        note: Some(Bytes::from_static(b"\x00a note\xff")),
        ..born(CHILD, 2)
    };
    let parent = InstanceHead {
        awaited: vec![Topic::from(TOPIC), Topic::from("another")],
        ..begun(PARENT, 4, 200, 2)
    };
    let suspended = InstanceHead {
        suspended: true,
        ..begun(SUSPENDED, 2, 300, 5)
    };
    let ended = InstanceHead {
        status: InstanceStatus::Completed,
        output: Some(Bytes::from_static(b"\x00output\xff")),
        updated_at_ms: at(7),
        expires_at_ms: Some(long_after(7)),
        ..begun(ENDED, 3, 402, 6)
    };
    let long = InstanceHead {
        status: InstanceStatus::Failed,
        output: Some(long_output()),
        ..begun(LONG, 2, 450, 7)
    };
    let twice = InstanceHead {
        position: Position {
            execution: 2,
            next_event_id: 3,
        },
        ..begun(TWICE, 1, 500, 7)
    };
    let (odd, waiting) = (born(ODD, 8), born(WAITING, 0));
    [odd, ended, long, parent, child, suspended, twice, waiting]
}

/// Checks what is read against what was put.
pub(crate) async fn check(provider: &dyn Provider) {
    for expected in heads() {
        let head = provider.read_head(&expected.instance).await.unwrap();
        assert_eq!(head, Some(expected));
    }
    check_histories(provider).await;
    check_messages(provider).await;
    check_values(provider).await;
    check_activities(provider).await;
    check_lists(provider).await;
}

async fn check_histories(provider: &dyn Provider) {
    let chunk = |first| event(first, 1, b"chunk");
    let three = event(1, 3, b"\x00three events\xff");
    for (instance, execution, chunks) in [
        (WAITING, 1, Vec::new()),
        (PARENT, 1, vec![three]),
        (ENDED, 1, vec![chunk(1), chunk(2)]),
        (TWICE, 1, vec![chunk(1)]),
        (TWICE, 2, vec![event(1, 2, b"of the second")]),
    ] {
        let found = history(provider, instance, execution).await;
        assert_eq!(found, format!("{chunks:?}"), "{instance} {execution}");
    }
    let admin = provider.admin();
    let executions = admin.list_executions(&id(TWICE)).await.unwrap();
    let first = &executions[0];
    assert_eq!(first.output.as_deref(), Some(&b"of the first"[..]));
    assert_eq!(first.event_count, 1);
    assert_eq!(first.started_at_ms, at(7));
    assert_eq!(first.completed_at_ms, Some(at(7)));
    assert_eq!(executions[1].event_count, 2);
    assert_eq!(executions.len(), 2);
}

async fn check_messages(provider: &dyn Provider) {
    let found = inspect(provider, WAITING).await;
    assert_eq!(found.record.labels, labels());
    assert_eq!(found.standing.claimable_from_ms, Some(at(0)));
    let record = |number: u128, channel: Channel, due_at_ms: u64| {
        let body = Bytes::from(format!("message {number}"));
        MessageRecord {
            id: duroxide_core::providers::MessageId(uuid(number)),
            channel,
            execution: None,
            due_at_ms,
            body_bytes: body.len(),
            body: Some(body),
        }
    };
    let topic = Channel::Topic(Topic::from(TOPIC));
    let start = MessageRecord {
        id: duroxide_core::providers::MessageId(life(WAITING).0),
        ..record(0, Channel::System, at(0))
    };
    let timer_ms = at(1) + u64::try_from(TIMER.as_millis()).unwrap();
    let timer = MessageRecord {
        execution: Some(1),
        ..record(104, Channel::System, timer_ms)
    };
    let expected = [
        record(102, Channel::Control, at(1)),
        record(105, Channel::Control, at(1)),
        start,
        record(101, Channel::System, at(1)),
        timer,
        record(103, topic, at(1)),
    ];
    assert_eq!(found.messages, expected);
    let mail = mail(provider, WAITING).await;
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].mark.due_at_ms, at(1));
    assert_eq!(mail[0].message.body, "message 103");
}

async fn check_values(provider: &dyn Provider) {
    let keys = ["kept", "for long: ü", "none"].map(ValueKey::from);
    let request = ReadValues::named(id(PARENT), keys.to_vec());
    let values = provider.read_values(&request).await.unwrap();
    let values = values
        .iter()
        .map(|it| (it.key.as_str(), &*it.value, it.version));
    let version = CommitId(uuid(200));
    let expected: [(&str, &[u8], _); 2] = [
        ("kept", b"\x00for ever\xff", version),
        ("for long: ü", b"long", version),
    ];
    assert_eq!(values.collect::<Vec<_>>(), expected);
}

async fn check_activities(provider: &dyn Provider) {
    let found = activities(provider, TaskQueue::DEFAULT).await;
    let [waits, leased] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((waits.key.activity_id, waits.attempts), (3, 1));
    assert_eq!(waits.details.as_deref(), Some(&b"\x00half way\xff"[..]));
    assert_eq!(waits.body.as_deref(), Some(&b"activity 3"[..]));
    assert!(!waits.is_leased && leased.is_leased);
    assert_eq!((leased.key.activity_id, leased.attempts), (1, 1));
    assert_eq!(leased.claimable_from_ms, long_after(2));
    let found = activities(provider, GPU).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].key.activity_id, found[0].attempts), (2, 0));
    assert_eq!(found[0].key.incarnation, life(PARENT));
    assert_eq!(inspect(provider, PARENT).await.activities.len(), 3);
}

async fn check_lists(provider: &dyn Provider) {
    assert_eq!(listed(provider, InstanceFilter::default()).await, INSTANCES);
    let children = InstanceFilter::children_of(id(PARENT));
    assert_eq!(listed(provider, children).await, [CHILD]);
    let red = InstanceFilter {
        labels: labels(),
        ..InstanceFilter::default()
    };
    assert_eq!(listed(provider, red).await, [WAITING]);
    let newest_first = InstanceFilter {
        order: ListOrder::NewestFirst,
        ..InstanceFilter::default()
    };
    let by_age = [ODD, TWICE, LONG, ENDED, SUSPENDED, CHILD, PARENT, WAITING];
    assert_eq!(listed(provider, newest_first).await, by_age);
    let metrics = provider.admin().metrics().await.unwrap();
    assert_eq!(metrics.totals.total_instances, 8);
    assert_eq!(metrics.totals.completed_instances, 1);
    assert_eq!(metrics.totals.total_events, 3 + 2 + 1 + 1 + 1 + 2);
    assert_eq!(metrics.depths.worker_queue, 3);
    assert_eq!(metrics.activity_queues.len(), 2);
}
