//! Management: looking.

use duroxide_core::providers::{
    ExecutionStatus, HeadUpdate, InstanceFilter, InstanceStatus, QueueDepths, SystemMetrics,
};

use crate::support::{Cx, SECOND, id, later, to};

async fn listed(cx: &Cx, filter: InstanceFilter) -> Vec<String> {
    let page = cx.admin().list_instances(&filter).await;
    let page = page.expect("instances can be listed");
    assert!(!page.more, "the limit is above what there is");
    page.instances
        .into_iter()
        .map(|head| head.instance.into())
        .collect()
}

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
        let mut filter = InstanceFilter {
            instances_max,
            ..InstanceFilter::default()
        };
        let mut seen: Vec<String> = Vec::new();
        loop {
            let page = cx.admin().list_instances(&filter).await;
            let page = page.expect("instances can be listed");
            assert!(page.instances.len() <= instances_max);
            seen.extend(page.instances.iter().map(|head| head.instance.to_string()));
            assert_eq!(
                page.more,
                seen.len() < names.len(),
                "pages of {instances_max}"
            );
            filter.after = page
                .instances
                .into_iter()
                .next_back()
                .map(|head| head.instance);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, sorted, "pages of {instances_max}");
    }
}

/// Filters by status and orchestration, alone and together.
pub(crate) async fn instances_are_filtered(cx: &Cx) {
    one_of_each(cx).await;
    let with = |status, orchestration: Option<&str>| InstanceFilter {
        status,
        orchestration: orchestration.map(str::to_owned),
        ..InstanceFilter::default()
    };

    for (status, name) in [
        (InstanceStatus::Pending, "pending"),
        (InstanceStatus::Running, "running"),
        (InstanceStatus::Completed, "completed"),
        (InstanceStatus::Failed, "failed"),
    ] {
        assert_eq!(listed(cx, with(Some(status), None)).await, [name]);
    }
    assert_eq!(listed(cx, with(None, Some("Other"))).await, ["completed"]);
    let both = with(Some(InstanceStatus::Pending), Some("Other"));
    assert!(listed(cx, both).await.is_empty());
    assert!(listed(cx, with(None, Some("O%"))).await.is_empty());
    let mut after = with(None, Some("Orchestration"));
    after.after = Some(id("failed"));
    assert_eq!(listed(cx, after).await, ["pending", "running"]);
}

/// What is listed is the head as it is read.
pub(crate) async fn listed_heads_are_the_heads(cx: &Cx) {
    one_of_each(cx).await;
    let page = cx.admin().list_instances(&InstanceFilter::default()).await;

    for head in page.expect("instances can be listed").instances {
        assert_eq!(cx.head(&head.instance).await, head);
    }
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
    let empty = cx.admin().metrics().await.expect("metrics can be read");
    assert_eq!(empty, SystemMetrics::default());
    one_of_each(cx).await;
    cx.poke("running").await;
    let mut turns = cx.claim(2).await;
    turns.retain(|turn| &*turn.head.instance == "running");
    let turn = turns.remove(0);
    cx.apply(cx.turn(&turn).continue_as_new()).await;

    let metrics = cx.admin().metrics().await.expect("metrics can be read");

    assert_eq!(metrics.total_instances, 4);
    assert_eq!(metrics.running_instances, 2, "pending and running");
    assert_eq!(metrics.completed_instances, 1);
    assert_eq!(metrics.failed_instances, 1);
    assert_eq!(metrics.total_events, 3 + 2 + 3);
    assert!((4..=5).contains(&metrics.total_executions), "{metrics:?}");
}

/// Visible messages, timers and activities are counted, leased or not.
pub(crate) async fn depths_count_what_is_queued(cx: &Cx) {
    let depths = async || cx.admin().queue_depths().await.expect("depths can be read");
    assert_eq!(depths().await, QueueDepths::default());
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
    assert_eq!(depths().await, expected);
    cx.elapse(SECOND).await;
    let expected = QueueDepths {
        orchestrator_queue: 3,
        timer_queue: 0,
        ..expected
    };
    assert_eq!(depths().await, expected);
}

/// Mail counts where its instance awaits it, and nowhere else.
pub(crate) async fn awaited_mail_is_queued(cx: &Cx) {
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).append(1).awaiting(&["t"])).await;
    cx.send(to("a", cx.mail("t"))).await;
    cx.send(later("a", cx.mail("t"), SECOND)).await;
    cx.send(to("a", cx.mail("u"))).await;

    let depths = cx.admin().queue_depths().await.expect("depths can be read");
    let expected = QueueDepths {
        orchestrator_queue: 1,
        worker_queue: 0,
        timer_queue: 1,
    };
    assert_eq!(depths, expected);
}
