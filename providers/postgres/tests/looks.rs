//! What lists and looks read.

#[path = "support/operations.rs"]
mod operations;
mod support_opening;

use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::{
    Inspect, InstanceFilter, InstanceStatus, Labels, ListActivities, ListOrder, Provider,
    ProviderAdmin, TaskQueue,
};

use operations::{apply, id, send, start};
use support_opening::plans::{assert_read_little, explained};
use support_opening::{Place, execute, log};

/// Makes a store of many instances, each tenth of which has the same parent and the same label.
async fn fill(place: &Place) {
    let schema = place.quoted();
    let instances = format!(
        "INSERT INTO {schema}.instance (id, incarnation, status, execution, next_event_id, created_ms,
             updated_ms, queue, orchestration, core_state, parent_id, parent_incarnation)
         SELECT 'sleeper-' || n, gen_random_uuid(), 1, 1, 1, n, n, 'default', 'Order', '',
             CASE WHEN n % 10 = 0 THEN 'parent' END, CASE WHEN n % 10 = 0 THEN gen_random_uuid() END
         FROM generate_series(1, 50000) n"
    );
    let readied = format!(
        "INSERT INTO {schema}.ready (ino, queue, claim_order, hold_until)
         SELECT i.ino, i.queue, 0, 0 FROM {schema}.instance i WHERE i.id <> 'a'"
    );
    let labels = format!(
        "INSERT INTO {schema}.label (ino, key, value)
         SELECT i.ino, 'key', CASE WHEN i.parent_id IS NULL THEN 'no'::bytea ELSE 'yes'::bytea END
         FROM {schema}.instance i WHERE i.id <> 'a'"
    );
    let activities = format!(
        "INSERT INTO {schema}.activity (ino, execution, activity_id, queue, claim_at, attempts, body)
         SELECT i.ino, 1, 1, 'default', i.created_ms, 0, 'body' FROM {schema}.instance i WHERE i.id <> 'a'"
    );
    for statement in [instances, readied, labels, activities] {
        execute(&place.url, &statement).await;
    }
    for table in ["instance", "ready", "label", "activity"] {
        execute(&place.url, &format!("VACUUM (ANALYZE) {schema}.{table}")).await;
    }
}

/// However many instances there are, and whatever the filter is: a page reads what it looks at, by the
/// index of its order.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_page_reads_what_it_looks_at() {
    log::capture();
    let place = Place::new().await;
    let provider = place.open().await;
    apply(&provider, start("a")).await;
    apply(&provider, send("a")).await;
    provider.close().await;
    fill(&place).await;
    let url = explained(&place.url);
    let provider = duroxide_postgres::PostgresProvider::new(&url, Some(place.options()))
        .await
        .unwrap();
    let labels = Labels::from([("key".to_owned(), "yes".to_owned())]);
    for (order, parent, labels, prefix, index) in [
        (ListOrder::ById, None, None, "", "instance_id_key"),
        (ListOrder::ById, None, None, "sleeper-3", "instance_id_key"),
        (ListOrder::ById, Some("parent"), None, "", "instance_parent"),
        (ListOrder::NewestFirst, None, None, "", "instance_pkey"),
        (
            ListOrder::NewestFirst,
            None,
            Some(&labels),
            "",
            "label_value",
        ),
        (
            ListOrder::NewestFirst,
            Some("parent"),
            None,
            "sleeper",
            "instance_pkey",
        ),
    ] {
        let filter = InstanceFilter {
            statuses: vec![InstanceStatus::Failed],
            parent: parent.map(id),
            labels: labels.cloned().unwrap_or_default(),
            id_prefix: prefix.to_owned(),
            order,
            ..InstanceFilter::default()
        };
        let before = log::said().len();
        let page = provider.list_instances(&filter).await.unwrap();
        assert!(page.instances.is_empty() && page.next.is_some());
        let said = log::said().split_off(before);
        assert!(said.contains(index), "{index}: {said}");
        // A row for each instance that is looked at, and a few that are found beside them.
        assert_read_little(&said, PAGE_ROWS_MAX as u64 + 20);
    }

    let before = log::said().len();
    let seen = provider
        .inspect(&Inspect::new(id("a")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((seen.messages.len(), seen.activities.len()), (2, 0));
    assert_read_little(&log::said().split_off(before), 20);
    let before = log::said().len();
    let first = ListActivities {
        activities_max: 10,
        ..ListActivities::new(TaskQueue::default())
    };
    let page = provider.list_activities(&first).await.unwrap();
    let second = ListActivities {
        after: page.next,
        ..first
    };
    assert_eq!(
        provider
            .list_activities(&second)
            .await
            .unwrap()
            .activities
            .len(),
        10
    );
    assert_read_little(&log::said().split_off(before), 30);
    provider.close().await;
}
