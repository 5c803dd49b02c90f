//! More than one answer holds: instances that a page looks at, queues in the metrics, values of an instance.

use std::time::Duration;

use duroxide_core::limits::{METRICS_QUEUES_MAX, PAGE_ROWS_MAX};
use duroxide_core::providers::{
    Commit, InstanceFilter, ListOrder, QueueLoad, ReadValues, ValueKeys,
};

use crate::support::{Cx, SECOND, id};

/// So many more than an answer holds.
const OVER: usize = 5;
/// Longer than any case takes.
const HOUR: Duration = Duration::from_hours(1);

/// Starts an instance in each of these queues, with as few calls as may be.
async fn start_each(cx: &Cx, queues: &[String], instance: impl Fn(usize) -> String) {
    let starts: Vec<Commit> = queues
        .iter()
        .enumerate()
        .map(|(number, queue)| Commit::Send(cx.start_in(queue, &instance(number))))
        .collect();
    for call in starts.chunks(cx.batch_max()) {
        for answer in cx.batch(call.to_vec()).await {
            answer.expect("instances can be started");
        }
    }
}

/// A page ends behind a thousand instances, however few of them meet the filter, in both orders; what it has
/// not looked at comes with the next ones.
pub(crate) async fn a_page_looks_at_so_many_instances(cx: &Cx) {
    // The last one in the order of the ids, and by age.
    cx.start("z").await;
    let turn = cx.claim_only("z").await;
    cx.apply(cx.turn(&turn).append(1).suspend(true)).await;
    cx.elapse(cx.tick()).await;
    let queues = vec!["default".to_owned(); PAGE_ROWS_MAX + OVER];
    start_each(cx, &queues, |number| format!("i{number:04}")).await;

    cx.settle().await;
    for order in [ListOrder::ById, ListOrder::NewestFirst] {
        let mut filter = InstanceFilter {
            suspended: Some(true),
            order,
            ..InstanceFilter::default()
        };
        let page = cx.admin().list_instances(&filter).await;
        let page = page.expect("instances can be listed");
        assert_eq!(page.instances, [], "{order:?}: none of the first thousand");
        assert!(page.next.is_some(), "{order:?}: others are left");
        filter.after = page.next;
        assert_eq!(cx.list_ids(filter).await, ["z"], "{order:?}");
    }
}

/// Of more queues than metrics name, of either kind, those with the most to do are named.
pub(crate) async fn metrics_name_so_many_queues(cx: &Cx) {
    let mut queues: Vec<String> = (0..METRICS_QUEUES_MAX + OVER)
        .map(|number| format!("q{number:04}"))
        .collect();
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    let busiest = queues.last().expect("there are some").clone();
    queues.push(busiest.clone());
    let turn = (1..)
        .zip(&queues)
        .fold(cx.turn(&turn).append(1), |turn, (number, queue)| {
            turn.activity_in(queue, number)
        });
    cx.apply(turn).await;
    start_each(cx, &queues, |number| format!("i{number:04}")).await;

    let metrics = cx.metrics().await;
    // With as much to do as the others, the last ones by name are left out.
    queues.truncate(METRICS_QUEUES_MAX - 1);
    queues.insert(0, busiest);
    let loads = |loads: &[QueueLoad]| -> Vec<(String, u64)> {
        let each = loads.iter();
        each.map(|it| (it.queue.to_string(), it.claimable))
            .collect()
    };
    let loaded = |(place, queue)| (queue, if place == 0 { 2 } else { 1 });
    let expected: Vec<_> = queues.into_iter().enumerate().map(loaded).collect();
    assert_eq!(loads(&metrics.turn_queues), expected, "queues of turns");
    assert_eq!(
        loads(&metrics.activity_queues),
        expected,
        "queues of activities"
    );
}

/// An instance may show more values than a page holds: each comes once, and in order.
pub(crate) async fn values_are_read_beyond_a_page(cx: &Cx) {
    let keys: Vec<String> = (0..PAGE_ROWS_MAX + OVER)
        .map(|number| format!("k{number:04}"))
        .collect();
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    // Those that expire do not count with those that an instance keeps (VAL-05).
    let turn = keys
        .iter()
        .fold(cx.turn(&turn), |turn, key| turn.expiring(key, "v", HOUR));
    cx.apply(turn.set("k", "kept")).await;
    cx.elapse(SECOND).await;

    let request = ReadValues {
        instance: id("a"),
        keys: ValueKeys::All {
            after: None,
            bytes_max: usize::MAX,
        },
    };
    let page = cx.provider().read_values(&request).await;
    let page = page.expect("values can be read");
    assert!(
        page.len() <= PAGE_ROWS_MAX,
        "a page has {} values",
        page.len()
    );
    let values = cx.all_values("a", usize::MAX).await;
    let read: Vec<&str> = values.iter().map(|it| it.key.as_str()).collect();
    let mut expected = vec!["k"];
    expected.extend(keys.iter().map(String::as_str));
    assert_eq!(read, expected);
}
