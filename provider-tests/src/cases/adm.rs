//! Management: looking.

use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, DeleteMode, ErrorKind, ExecutionStatus, HeadUpdate, Inspect,
    InstanceFilter, InstanceStatus, Labels, ListActivities, ListOrder, PageCursor, QueueDepths,
    QueueLoad, StoreMetrics, TaskQueue,
};

use crate::fixture::Pace;
use crate::support::{Cx, LEASE, SECOND, id, later, refused, to};

/// One instance of each status, the completed one of another orchestration.
async fn one_of_each(cx: &Cx) {
    for instance in ["completed", "failed"] {
        cx.start(instance).await;
        let turn = cx.claim_only(instance).await;
        let commit = cx.turn(&turn).append(2);
        if instance == "failed" {
            cx.apply(commit.end(ExecutionStatus::Failed, None)).await;
        } else {
            let described = HeadUpdate {
                orchestration: "Other".to_owned(),
                version: None,
                core_state: bytes::Bytes::new(),
            };
            cx.apply(commit.complete().describe(described)).await;
        }
    }
    cx.running("running").await;
    cx.start("pending").await;
}

/// Pages follow one another in the order of the ids' bytes and hold each instance once.
pub(crate) async fn instances_are_listed_page_by_page(cx: &Cx) {
    let names = ["b", "a", "B", "é", "a:b", "a%", "10", "9", "_", "🦀", "a b"];
    for name in names {
        cx.start(name).await;
    }
    let mut sorted = names;
    sorted.sort_unstable();

    for instances_max in [1, 2, 5, names.len(), 100] {
        let filter = InstanceFilter {
            instances_max,
            ..InstanceFilter::default()
        };
        let seen = cx.list_ids(filter).await;
        assert_eq!(seen, sorted, "pages of {instances_max}");
    }
}

/// Filters by status and orchestration, alone and together.
pub(crate) async fn instances_are_filtered(cx: &Cx) {
    one_of_each(cx).await;
    let with = |statuses: &[InstanceStatus], orchestration: Option<&str>| InstanceFilter {
        statuses: statuses.to_vec(),
        orchestration: orchestration.map(str::to_owned),
        ..InstanceFilter::default()
    };
    let (pending, failed) = (InstanceStatus::Pending, InstanceStatus::Failed);

    for (status, name) in [
        (pending, "pending"),
        (InstanceStatus::Running, "running"),
        (InstanceStatus::Completed, "completed"),
        (failed, "failed"),
    ] {
        assert_eq!(cx.list_ids(with(&[status], None)).await, [name]);
    }
    let both = with(&[pending, failed], None);
    assert_eq!(cx.list_ids(both).await, ["failed", "pending"]);
    assert_eq!(cx.list_ids(with(&[], Some("Other"))).await, ["completed"]);
    let both = with(&[pending], Some("Other"));
    assert!(cx.list_ids(both).await.is_empty());
    for nobody in ["O%", "O", "Other\0", ""] {
        assert!(cx.list_ids(with(&[], Some(nobody))).await.is_empty());
    }
    let of_others = with(&[], Some("Orchestration"));
    assert_eq!(
        cx.list_ids(of_others).await,
        ["failed", "pending", "running"]
    );
}

/// Filters by suspension and by queue, in both orders.
pub(crate) async fn instances_are_filtered_by_how_they_are_run(cx: &Cx) {
    for (instance, queue) in [("a", "default"), ("b", "other"), ("c", "other")] {
        cx.send(cx.start_in(queue, instance)).await;
        cx.elapse(cx.tick()).await;
    }
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).append(1).suspend(true)).await;
    for order in [ListOrder::ById, ListOrder::NewestFirst] {
        let filter = || InstanceFilter {
            order,
            ..InstanceFilter::default()
        };
        let in_order = |mut ids: Vec<String>| {
            if order == ListOrder::NewestFirst {
                ids.reverse();
            }
            ids
        };
        let suspended = |suspended| InstanceFilter {
            suspended: Some(suspended),
            ..filter()
        };
        assert_eq!(cx.list_ids(suspended(true)).await, ["a"]);
        assert_eq!(in_order(cx.list_ids(suspended(false)).await), ["b", "c"]);
        for (queue, expected) in [
            ("other", vec!["b", "c"]),
            ("oth", vec![]),
            ("other\0", vec![]),
        ] {
            let of_queue = InstanceFilter {
                queue: Some(queue.into()),
                ..filter()
            };
            assert_eq!(in_order(cx.list_ids(of_queue).await), expected, "{queue:?}");
        }
    }
}

/// An id begins with the prefix, character by character, or it does not.
pub(crate) async fn instances_are_filtered_by_the_beginning_of_their_ids(cx: &Cx) {
    for name in [
        "a",
        "a:1",
        "a:2",
        "a:\u{10ffff}z",
        "a;",
        "A:3",
        "b",
        "%",
        "%x",
        "\u{10ffff}",
    ] {
        cx.start(name).await;
        cx.elapse(cx.tick()).await;
    }
    for (prefix, expected) in [
        ("a:", vec!["a:1", "a:2", "a:\u{10ffff}z"]),
        ("a:2", vec!["a:2"]),
        ("a:22", vec![]),
        ("%", vec!["%", "%x"]),
        ("_", vec![]),
        ("\u{10ffff}", vec!["\u{10ffff}"]),
        ("a\0", vec![]),
    ] {
        for order in [ListOrder::ById, ListOrder::NewestFirst] {
            for instances_max in [1, 10] {
                let filter = InstanceFilter {
                    id_prefix: prefix.to_owned(),
                    order,
                    instances_max,
                    ..InstanceFilter::default()
                };
                let mut found = cx.list_ids(filter).await;
                found.sort();
                assert_eq!(found, expected, "{prefix:?} {order:?}");
            }
        }
    }
}

/// The newest come first, in pages of every size, and what comes in between is in nobody's way.
pub(crate) async fn the_newest_come_first(cx: &Cx) {
    let names = ["m", "z", "a", "k", "b"];
    for name in names {
        cx.start(name).await;
        cx.elapse(cx.tick()).await;
    }
    // Neither what it does nor its end makes an instance newer.
    let turns = cx.claim(9).await;
    let turn = turns.iter().find(|it| &*it.head.instance == "z");
    cx.apply(cx.turn(turn.expect("it was started")).complete())
        .await;
    let expected: Vec<&str> = names.into_iter().rev().collect();
    for instances_max in [1, 2, 5, 6] {
        assert_eq!(cx.newest_first(instances_max).await, expected);
    }

    let mut filter = InstanceFilter {
        order: ListOrder::NewestFirst,
        instances_max: 2,
        ..InstanceFilter::default()
    };
    let page = cx.admin().list_instances(&filter).await;
    let page = page.expect("instances can be listed");
    assert_eq!(page.instances.len(), 2);
    cx.start("newer").await;
    filter.after = page.next;
    assert_eq!(cx.list_ids(filter).await, ["a", "z", "m"]);
}

/// Whoever lives throughout is listed once, whatever comes, goes and changes between two pages.
pub(crate) async fn a_list_is_of_those_who_live_throughout(cx: &Cx) {
    const OLD: [&str; 6] = ["b", "d", "f", "h", "j", "l"];
    for order in [ListOrder::ById, ListOrder::NewestFirst] {
        for name in OLD {
            cx.start(name).await;
            cx.elapse(cx.tick()).await;
        }
        let mut filter = InstanceFilter {
            order,
            instances_max: 1,
            ..InstanceFilter::default()
        };
        let mut seen: Vec<String> = Vec::new();
        let mut comers = ["a", "c", "e", "g", "i", "k", "m"].into_iter();
        loop {
            let page = cx.admin().list_instances(&filter).await;
            let page = page.expect("instances can be listed");
            seen.extend(page.instances.iter().map(|it| it.head.instance.to_string()));
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
            if let Some(comer) = comers.next() {
                cx.start(comer).await;
                for turn in cx.claim(9).await {
                    cx.apply(cx.turn(&turn).append(1)).await;
                }
                // The one that was seen last goes.
                let last = seen.last().map(|it| id(it));
                if let Some(last) = last.filter(|it| OLD.contains(&it.as_str())) {
                    let deleted = cx.admin().delete_instance(&last, DeleteMode::Force);
                    deleted.await.expect("it can be deleted");
                }
            }
        }
        seen.retain(|name| OLD.contains(&name.as_str()));
        if order == ListOrder::NewestFirst {
            seen.reverse();
        }
        assert_eq!(seen, OLD, "{order:?}");
        for record in cx.list(InstanceFilter::default()).await {
            let deleted = cx
                .admin()
                .delete_instance(&record.head.instance, DeleteMode::Force);
            deleted.await.expect("it can be deleted");
        }
    }
}

/// What is listed is the head as it is read, with its output only where that was asked for.
pub(crate) async fn listed_heads_are_the_heads(cx: &Cx) {
    one_of_each(cx).await;
    for order in [ListOrder::ById, ListOrder::NewestFirst] {
        for with_outputs in [true, false] {
            let filter = InstanceFilter {
                order,
                with_outputs,
                ..InstanceFilter::default()
            };
            let records = cx.list(filter).await;
            assert_eq!(records.len(), 4);
            for record in records {
                let mut head = cx.head(&record.head.instance).await;
                if !with_outputs {
                    head.output = None;
                }
                assert_eq!(record.head, head);
                assert_eq!(record.labels, Labels::new());
            }
        }
    }
}

/// A page of a list is no place in another one.
pub(crate) async fn a_cursor_is_of_its_list(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    let nonsense = || Some(PageCursor(bytes::Bytes::from_static(b"nonsense")));
    for order in [ListOrder::ById, ListOrder::NewestFirst] {
        let filter = InstanceFilter {
            order,
            after: nonsense(),
            ..InstanceFilter::default()
        };
        let listed = cx.admin().list_instances(&filter).await;
        refused(listed, ErrorKind::InvalidInput);
    }
    cx.running("z1").await;
    cx.running("z2").await;
    let mut filter = InstanceFilter {
        id_prefix: "z".to_owned(),
        instances_max: 1,
        ..InstanceFilter::default()
    };
    let page = cx.admin().list_instances(&filter).await;
    filter.after = page.expect("instances can be listed").next;
    filter.id_prefix = "a".to_owned();
    // One of another list leads nowhere, or is refused.
    match cx.admin().list_instances(&filter).await {
        Ok(page) => assert_eq!(page.instances, []),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
    }
    let request = Inspect {
        after: nonsense(),
        ..Inspect::new(id("a"))
    };
    refused(cx.admin().inspect(&request).await, ErrorKind::InvalidInput);
    let request = ListActivities {
        after: nonsense(),
        ..ListActivities::new(TaskQueue::default())
    };
    let listed = cx.admin().list_activities(&request).await;
    refused(listed, ErrorKind::InvalidInput);
}

/// Each execution with its status, its output, its times and its events; nobody has none.
pub(crate) async fn executions_are_listed(cx: &Cx) {
    let started_at_ms = cx.running("a").await.created_at_ms;
    cx.elapse(SECOND).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(2).continue_as_new()).await;
    cx.elapse(SECOND).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).complete()).await;

    let executions = cx.admin().list_executions(&id("a")).await;
    let [first, second] = executions.expect("it can be listed").try_into().unwrap();

    assert_eq!((first.execution, second.execution), (1, 2));
    assert_eq!(first.status, ExecutionStatus::ContinuedAsNew);
    assert_eq!(first.output, None);
    assert_eq!((first.event_count, second.event_count), (4, 2));
    assert_eq!(second.status, ExecutionStatus::Completed);
    assert_eq!(second.output.as_deref(), Some(&b"result"[..]));
    assert!(first.started_at_ms >= started_at_ms);
    let first_ended = first.completed_at_ms.expect("it ended");
    assert!(first_ended > first.started_at_ms);
    assert!(second.started_at_ms >= first_ended);
    assert!(second.completed_at_ms.expect("it ended") > second.started_at_ms);
    let nobody = cx.admin().list_executions(&id("nobody")).await;
    assert_eq!(nobody.expect("it can be listed"), []);
}

/// Instances by status, executions and events are counted.
pub(crate) async fn metrics_count_what_is_stored(cx: &Cx) {
    assert_eq!(cx.metrics().await, StoreMetrics::default());
    one_of_each(cx).await;
    cx.poke("running").await;
    let mut turns = cx.claim(2).await;
    turns.retain(|turn| &*turn.head.instance == "running");
    let turn = turns.remove(0);
    cx.apply(cx.turn(&turn).continue_as_new()).await;

    let metrics = cx.metrics().await.totals;

    assert_eq!(metrics.total_instances, 4);
    assert_eq!(metrics.running_instances, 2, "pending and running");
    assert_eq!(metrics.completed_instances, 1);
    assert_eq!(metrics.failed_instances, 1);
    assert_eq!(metrics.total_events, 3 + 2 + 3);
    assert!((4..=5).contains(&metrics.total_executions), "{metrics:?}");
}

/// An execution that ended the instance is listed as it was, with its output and its times, when another one
/// was opened after it.
pub(crate) async fn an_end_before_the_last_is_listed(cx: &Cx) {
    let executions = async || {
        let executions = cx.admin().list_executions(&id("a")).await;
        executions.expect("executions can be listed")
    };
    cx.failed("a", "error").await;
    let before = executions().await;
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].status, ExecutionStatus::Failed);
    assert_eq!(before[0].output.as_deref(), Some(&b"error"[..]));
    cx.elapse(SECOND).await;
    cx.send(to("a", cx.control())).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).next(3)).await;

    let after = executions().await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1].status, ExecutionStatus::Running);
    assert_eq!((&after[1].output, after[1].event_count), (&None, 3));
    assert_eq!(after[1].completed_at_ms, None);
    assert!(after[1].started_at_ms > before[0].started_at_ms);
}

/// Visible messages, timers and activities are counted, leased or not.
pub(crate) async fn depths_count_what_is_queued(cx: &Cx) {
    assert_eq!(cx.depths().await, QueueDepths::default());
    cx.running_with_activities("a", 3).await;
    cx.work(1).await;
    cx.poke("a").await;
    cx.claim_only("a").await;
    cx.start("b").await;
    cx.poke_later("a", SECOND).await;

    let expected = QueueDepths {
        orchestrator_queue: 2,
        worker_queue: 3,
        timer_queue: 1,
    };
    assert_eq!(cx.depths().await, expected);
    cx.elapse(SECOND).await;
    let expected = QueueDepths {
        orchestrator_queue: 3,
        timer_queue: 0,
        ..expected
    };
    assert_eq!(cx.depths().await, expected);
}

/// Mail counts where its instance awaits it, and nowhere else.
pub(crate) async fn awaited_mail_is_queued(cx: &Cx) {
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).append(1).awaiting(&["t"])).await;
    cx.send(to("a", cx.mail("t"))).await;
    cx.send(later("a", cx.mail("t"), SECOND)).await;
    cx.send(to("a", cx.mail("u"))).await;

    let depths = cx.depths().await;
    let expected = QueueDepths {
        orchestrator_queue: 1,
        worker_queue: 0,
        timer_queue: 1,
    };
    assert_eq!(depths, expected);
}

/// Each queue has its load: what is claimable, what will be, and for how long the oldest waits.
pub(crate) async fn each_queue_has_its_load(cx: &Cx) {
    for (queue, instance) in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("c", "c1")] {
        cx.send(cx.start_in(queue, instance)).await;
    }
    let mut later = cx.start_in("d", "d1");
    later.delay = SECOND * 9;
    cx.send(later).await;
    cx.elapse(SECOND).await;
    cx.send(cx.start_in("a", "a3")).await;
    let of_c = ClaimTurns::new(vec!["c".into()], 1, LEASE);
    let turn = cx.provider().claim_turns(&of_c).await;
    let turn = turn.expect("a claim can be made").items.remove(0);
    let turn = cx.turn(&turn).append(1);
    cx.apply(
        turn.activity_in("x", 1)
            .activity_in("y", 2)
            .activity_in("x", 3),
    )
    .await;
    cx.elapse(SECOND).await;
    let of_y = ClaimActivities::new(vec!["y".into()], 1, LEASE);
    let claimed = cx.provider().claim_activities(&of_y).await;
    assert_eq!(claimed.expect("a claim can be made").items.len(), 1);

    let metrics = cx.metrics().await;
    let loads = |queues: &[QueueLoad]| -> Vec<(String, u64, u64, bool)> {
        let each = queues.iter().map(|it| {
            let waits = it.oldest_waits_ms.is_some();
            (it.queue.to_string(), it.claimable, it.later, waits)
        });
        each.collect()
    };
    let load = |name: &str, claimable, later| (name.to_owned(), claimable, later, claimable > 0);
    let expected = [load("a", 3, 0), load("b", 1, 0), load("d", 0, 1)];
    assert_eq!(loads(&metrics.turn_queues), expected);
    let expected = [load("x", 2, 0), load("y", 0, 1)];
    assert_eq!(loads(&metrics.activity_queues), expected);
    let second_ms = SECOND.as_millis();
    let waits_ms = |load: &QueueLoad| u128::from(load.oldest_waits_ms.expect("one is claimable"));
    // The oldest of the queue counts, and not the one that came last.
    assert!(
        waits_ms(&metrics.turn_queues[0]) >= 2 * second_ms,
        "{metrics:?}"
    );
    let oldest_ms = waits_ms(&metrics.activity_queues[0]);
    assert!(oldest_ms >= second_ms, "{metrics:?}");
    if cx.pace() == Pace::Virtual {
        assert!(oldest_ms < 2 * second_ms, "{metrics:?}");
    }
}
