//! Capabilities.

use duroxide_core::providers::{
    DeleteMode, ErrorKind, Inspect, InstanceFilter, ListActivities, ProviderError, ProviderInfo,
    TaskQueue,
};

use crate::support::{Cx, SECOND, id};

/// A provider introduces itself, and what it declares does not change.
pub(crate) async fn a_provider_says_what_it_is(cx: &Cx) {
    let about = cx.provider().about();
    assert_eq!(about.contract, ProviderInfo::CONTRACT);
    assert!(!about.name.is_empty() && !about.version.is_empty());
    let capabilities = cx.provider().capabilities();
    let limits = capabilities.limits;
    assert!(limits.core_state_bytes_max >= 1_024, "core needs as much");
    assert!(limits.body_bytes_max <= limits.commit_bytes_max);
    assert!(limits.commit_operations_max >= 1);
    assert!(limits.history_events_max >= 2);
    assert!(limits.topic_messages_max >= 2);
    assert!(limits.mail_messages_max >= limits.topic_messages_max);
    assert!(limits.control_messages_max >= 2);

    cx.running("a").await;

    assert_eq!(cx.provider().capabilities(), capabilities);
    assert_eq!(cx.provider().about(), about);
}

/// What is declared works: none of the operations answers `Unsupported`.
pub(crate) async fn what_is_declared_is_supported(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let a = id("a");
    let mut kinds = Vec::new();
    let admin = cx.admin();
    let filter = InstanceFilter::default();
    kinds.push(kind_of(admin.list_instances(&filter).await));
    kinds.push(kind_of(admin.list_executions(&a).await));
    kinds.push(kind_of(admin.inspect(&Inspect::new(a.clone())).await));
    let activities = ListActivities::new(TaskQueue::default());
    kinds.push(kind_of(admin.list_activities(&activities).await));
    kinds.push(kind_of(admin.metrics().await));
    kinds.push(kind_of(admin.prune_executions(&a, 1).await));
    kinds.push(kind_of(admin.delete_instance(&a, DeleteMode::Force).await));
    assert_eq!(cx.head_if_any("a").await, None, "it was deleted");
    kinds.push(kind_of(cx.provider().maintain(SECOND).await));
    kinds.push(kind_of(cx.provider().read("a").await.map(drop)));

    assert!(
        kinds
            .iter()
            .all(|kind| *kind != Some(ErrorKind::Unsupported)),
        "{kinds:?}"
    );
}

fn kind_of<T>(answer: Result<T, ProviderError>) -> Option<ErrorKind> {
    answer.err().map(|error| error.kind())
}
