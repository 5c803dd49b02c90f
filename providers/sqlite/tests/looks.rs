//! What parents, labels and looks cost.

mod support;

use std::time::Duration;

use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::{
    Commit, Envelope, Inspect, InstanceFilter, InstanceStatus, Labels, ListOrder, NewInstance,
    Parent, Provider, ProviderAdmin, Recipient,
};
use duroxide_sqlite::SqliteProvider;

use support::{apply, commit_of, id, send, start, turns};

/// A start of an instance that is somebody's child, or has labels.
fn start_as(instance: &str, parent: Option<&str>, labels: usize) -> Commit {
    let Commit::Send(plain) = start(instance) else {
        panic!("a start is sent")
    };
    let labels = (0..labels).map(|number| (number.to_string(), "value".to_owned()));
    Commit::Send(Envelope {
        recipient: Recipient::NewInstance(NewInstance {
            parent: parent.map(|parent| Parent {
                instance: id(parent),
                incarnation: plain.message.id.incarnation(),
            }),
            labels: labels.collect::<Labels>(),
            ..NewInstance::new(id(instance), "Order")
        }),
        ..plain
    })
}

async fn cost(provider: &SqliteProvider, operation: Commit) -> u64 {
    let before = provider.stats().statements;
    apply(provider, operation).await;
    provider.stats().statements - before
}

/// A parent costs no statement, and a label one; turns of an instance with both cost nothing more.
#[tokio::test]
async fn only_starts_pay_for_parents_and_labels() {
    let provider = SqliteProvider::new_in_memory().await.unwrap();
    let plain = cost(&provider, start_as("plain", None, 0)).await;
    assert_eq!(
        cost(&provider, start_as("child", Some("plain"), 0)).await,
        plain
    );
    assert_eq!(
        cost(&provider, start_as("labelled", Some("plain"), 3)).await,
        plain + 3
    );
    let mut costs = Vec::new();
    for _ in 0..3 {
        let before = provider.stats().statements;
        let turn = provider
            .claim_turns(&turns(1))
            .await
            .unwrap()
            .items
            .remove(0);
        let claim = provider.stats().statements - before;
        let commit = commit_of(&turn, Vec::new());
        costs.push((claim, cost(&provider, Commit::Turn(commit)).await));
    }
    assert!(costs.iter().all(|it| *it == costs[0]), "{costs:?}");
    provider.close().await;
}

/// A page looks at so many instances, whoever meets the filter; the last one says that it is.
#[tokio::test]
async fn a_page_looks_at_a_bounded_number_of_instances() {
    let provider = SqliteProvider::new_in_memory().await.unwrap();
    let numbers = 0..PAGE_ROWS_MAX + 5;
    let starts: Vec<Commit> = numbers.map(|it| start(&format!("{it:05}"))).collect();
    for batch in starts.chunks(500) {
        for answer in provider.commit(batch.to_vec()).await {
            answer.unwrap();
        }
    }
    for order in [ListOrder::ById, ListOrder::NewestFirst] {
        let mut filter = InstanceFilter {
            statuses: vec![InstanceStatus::Failed],
            order,
            ..InstanceFilter::default()
        };
        let before = provider.stats().statements;
        let page = provider.list_instances(&filter).await.unwrap();
        assert_eq!(provider.stats().statements - before, 1);
        assert!(page.instances.is_empty() && page.next.is_some());
        filter.after = page.next;
        let page = provider.list_instances(&filter).await.unwrap();
        assert!(page.instances.is_empty() && page.next.is_none());
    }
    provider.close().await;
}

/// An instance is looked at with four statements, however much it has.
#[tokio::test]
async fn a_look_costs_four_statements() {
    let provider = SqliteProvider::new_in_memory().await.unwrap();
    apply(&provider, start("a")).await;
    for _ in 0..50 {
        apply(&provider, send("a", Duration::ZERO)).await;
    }
    let before = provider.stats().statements;
    let seen = provider
        .inspect(&Inspect::new(id("a")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.messages.len(), 51);
    assert_eq!(provider.stats().statements - before, 4);
    provider.close().await;
}
