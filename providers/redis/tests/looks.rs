//! What lists and looks show page by page, and what removals leave.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;
mod support_looks;

mod looks {
    mod removal;
}

use std::time::Duration;

use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::{
    Channel, DeleteMode, ExecutionStatus, Inspect, InstanceFilter, Labels, ListActivities,
    ListOrder, Mail, Provider, ProviderAdmin, ReadMail, TaskQueue, Topic, TopicCursor,
};
use duroxide_redis::RedisProvider;

use support_looks::{Place, activity, apply, claim, execution, first_turn, id, send, start};

/// More than one page of a list looks at, and many slices.
const INSTANCES: usize = 2_500;
/// How many have the label that few have.
const LABELLED: usize = 3;

fn name(number: usize) -> String {
    format!("instance-{number:05}")
}

/// The ids of each page of a list.
async fn pages(provider: &RedisProvider, mut filter: InstanceFilter) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = provider.list_instances(&filter).await.unwrap();
        let ids = page.instances.iter();
        pages.push(ids.map(|it| it.head.instance.to_string()).collect());
        filter.after = page.next;
        if filter.after.is_none() {
            return pages;
        }
    }
}

/// A page is put together from slices: it is as long as it may be, and neither misses nor repeats anybody
/// where they meet.
#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn pages_are_whole_whatever_they_are_made_of() {
    let place = Place::new().await;
    let provider = place.open().await;
    let numbers: Vec<usize> = (0..INSTANCES).collect();
    for numbers in numbers.chunks(provider.capabilities().limits.commit_operations_max) {
        let starts = numbers.iter().map(|number| {
            let value = if *number < LABELLED { "few" } else { "many" };
            let labels = Labels::from([("key".to_owned(), value.to_owned())]);
            start(&name(*number), labels)
        });
        apply(&provider, starts.collect()).await;
    }
    let labelled = |value: &str| InstanceFilter {
        labels: Labels::from([("key".to_owned(), value.to_owned())]),
        ..InstanceFilter::default()
    };
    for (filter, expected) in [
        (InstanceFilter::default(), 0..INSTANCES),
        (labelled("many"), LABELLED..INSTANCES),
    ] {
        let expected: Vec<String> = expected.map(name).collect();
        let by_id = pages(&provider, filter.clone()).await;
        assert_eq!(by_id.concat(), expected);
        let lengths: Vec<usize> = by_id.iter().map(Vec::len).collect();
        assert_eq!(lengths[..2], [PAGE_ROWS_MAX; 2]);
        let order = ListOrder::NewestFirst;
        let mut newest_first = pages(&provider, InstanceFilter { order, ..filter }).await;
        // Within one call of `commit` the order is open, and all of them are there.
        let mut ids = newest_first.concat();
        assert!(ids.first() > ids.last());
        ids.sort();
        assert_eq!(ids, expected);
        assert_eq!(newest_first.swap_remove(0).len(), PAGE_ROWS_MAX);
    }

    // Those of a label that few have are found at once, in the order of age too.
    let few = InstanceFilter {
        order: ListOrder::NewestFirst,
        instances_max: 2,
        ..labelled("few")
    };
    let found = pages(&provider, few).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    let metrics = provider.metrics().await.unwrap();
    assert_eq!(metrics.totals.total_instances, INSTANCES as u64);
    assert_eq!(metrics.depths.orchestrator_queue, INSTANCES);
    provider.close().await;
    place.clear().await;
}

/// An instance with more executions than one call lists, prunes or removes.
#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn nothing_is_left_of_what_is_removed_in_slices() {
    const EXECUTIONS: u64 = 2_000;
    const KEPT: u64 = 700;
    let place = Place::new().await;
    let provider = place.open().await;
    apply(&provider, vec![start("a", Labels::new())]).await;
    let executions = (1..=EXECUTIONS).map(|number| {
        let is_last = number == EXECUTIONS;
        let status = if is_last {
            ExecutionStatus::Completed
        } else {
            ExecutionStatus::ContinuedAsNew
        };
        execution(number, status)
    });
    let turn = first_turn(&claim(&provider).await, executions.collect(), Vec::new());
    apply(&provider, vec![turn]).await;

    let id = id("a");
    let listed = provider.list_executions("a").await.unwrap();
    assert_eq!(listed, (1..=EXECUTIONS).collect::<Vec<_>>());
    let metrics = provider.metrics().await.unwrap();
    assert_eq!(metrics.totals.total_executions, EXECUTIONS);
    assert_eq!(metrics.totals.total_events, EXECUTIONS);
    let pruned = provider.prune_executions(&id, KEPT).await.unwrap();
    assert_eq!(pruned, EXECUTIONS - KEPT);
    let listed = provider.list_executions("a").await.unwrap();
    assert_eq!(listed, (pruned + 1..=EXECUTIONS).collect::<Vec<_>>());
    assert_eq!(provider.metrics().await.unwrap().totals.total_events, KEPT);

    let mode = DeleteMode::TerminalOnly;
    provider.delete_instance(&id, mode).await.unwrap();
    assert!(provider.read_head(&id).await.unwrap().is_none());
    assert!(place.keys().await.contains("gone"));
    let again = provider.maintain(Duration::from_secs(20)).await.unwrap();
    assert!(again.is_none_or(|after| after > Duration::ZERO));
    provider.close().await;
    let left = place.keys().await;
    let kept = ["clock", "nodes", "tq"].map(str::to_owned);
    assert!(left.iter().all(|key| kept.contains(key)), "{left:?}");
    place.clear().await;
}

/// Reads mail page by page.
async fn all_mail(provider: &RedisProvider, mut request: ReadMail) -> Vec<Mail> {
    let mut read = Vec::new();
    loop {
        let page = provider.read_mail(&request).await.unwrap();
        for mail in &page.mail {
            for cursor in &mut request.topics {
                if Some(&cursor.topic) == mail.message.channel.topic() {
                    cursor.after = Some(mail.mark);
                }
            }
        }
        read.extend(page.mail);
        if !page.more {
            return read;
        }
    }
}

/// An instance with more messages and activities than one call shows.
#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_page_of_an_instance_is_as_long_as_it_may_be() {
    const TOPICS: usize = 3;
    const MAIL_PER_TOPIC: usize = 250;
    const ACTIVITIES: u64 = 200;
    let place = Place::new().await;
    let provider = place.open().await;
    apply(&provider, vec![start("a", Labels::new())]).await;
    let turn = claim(&provider).await;
    let incarnation = turn.head.incarnation;
    let executions = vec![execution(1, ExecutionStatus::Running)];
    let activities = (1..=ACTIVITIES).map(activity).collect();
    apply(&provider, vec![first_turn(&turn, executions, activities)]).await;
    let topics: Vec<Topic> = (0..TOPICS)
        .map(|it| Topic::from(&*format!("topic-{it}")))
        .collect();
    for topic in topics.iter().rev() {
        let mail = (0..MAIL_PER_TOPIC).map(|_| send("a", Channel::Topic(topic.clone())));
        apply(&provider, mail.collect()).await;
    }
    apply(&provider, vec![send("a", Channel::System)]).await;

    let whole = provider
        .inspect(&Inspect::new(id("a")))
        .await
        .unwrap()
        .unwrap();
    assert!(whole.next.is_none());
    assert_eq!(whole.messages.len(), TOPICS * MAIL_PER_TOPIC + 1);
    assert!(whole.messages.is_sorted_by_key(|it| &it.channel));
    let keys = whole.activities.iter().map(|it| it.key.activity_id);
    assert!(keys.eq(1..=ACTIVITIES));
    // Pages end and begin within slices and between them.
    for items_max in [100, 128, 251] {
        let mut request = Inspect {
            items_max,
            ..Inspect::new(id("a"))
        };
        let (mut messages, mut activities) = (Vec::new(), Vec::new());
        loop {
            let page = provider.inspect(&request).await.unwrap().unwrap();
            let items = page.messages.len() + page.activities.len();
            messages.extend(page.messages);
            activities.extend(page.activities);
            request.after = page.next;
            if request.after.is_none() {
                break;
            }
            assert_eq!(items, items_max);
        }
        assert_eq!(messages, whole.messages);
        assert_eq!(activities, whole.activities);
    }
    let queue = TaskQueue::default();
    let page = provider
        .list_activities(&ListActivities::new(queue))
        .await
        .unwrap();
    assert_eq!(page.activities.len(), whole.activities.len());

    let cursors = topics.iter().map(|topic| TopicCursor {
        topic: topic.clone(),
        after: None,
    });
    let request = ReadMail {
        instance: id("a"),
        incarnation,
        topics: cursors.collect(),
        per_topic_max: 1_000,
        bytes_max: usize::MAX,
    };
    let read = all_mail(&provider, request).await;
    assert!(read.is_sorted_by_key(|mail| mail.mark));
    assert_eq!(read.len(), TOPICS * MAIL_PER_TOPIC);
    provider.close().await;
    place.clear().await;
}
