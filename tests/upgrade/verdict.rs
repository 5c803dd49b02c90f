//! What must hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use duroxide::providers::Provider;
use duroxide::{Client, Event, EventKind, OrchestrationStatus};

use crate::generation::Generation;
use crate::ledger::{Entry, Ledger, Step};
use crate::order::Order;

type Entries = BTreeMap<(u32, Step), Entry>;

/// Checks that each order ended as its code says, by steps that were each taken once and recorded
/// once, and that there is nothing else.
pub(crate) async fn check(
    client: &Client,
    store: &dyn Provider,
    ledger: &Ledger,
    orders: &[Order],
) {
    let entries = ledger.entries();
    let mut expected_steps = BTreeSet::new();
    let mut children = 0;
    let mut versions = BTreeSet::new();
    for order in orders {
        let instance = order.instance();
        let history = store.read(&instance).await.unwrap();
        let version = version_of(&history);
        let steps = order.steps(&version);
        let status = client.get_orchestration_status(&instance).await.unwrap();
        check_end(*order, &steps, &status, &entries);
        check_history(&instance, &history);
        expected_steps.extend(steps.into_iter().map(|step| (order.number, step)));
        children += order.children(&version);
        if order.orchestration().0 == "Order" {
            versions.insert(version);
        }
    }
    let steps: BTreeSet<_> = entries.keys().copied().collect();
    assert_eq!(steps, expected_steps, "each step was taken, and no other");

    let instances = client.list_all_instances().await.unwrap();
    assert_eq!(instances.len(), orders.len() + children, "and no more");
    let roots: BTreeSet<String> = orders.iter().map(|order| order.instance()).collect();
    for child in instances.iter().filter(|it| !roots.contains(*it)) {
        let status = client.get_orchestration_status(child).await.unwrap();
        let is_completed = matches!(status, OrchestrationStatus::Completed { .. });
        assert!(is_completed, "{child}: {status:?}");
        check_history(child, &store.read(child).await.unwrap());
    }

    assert_eq!(versions.len(), 2, "{versions:?}");
    check_mixture(orders, &entries);
}

/// The version that the instance was begun in.
fn version_of(history: &[Event]) -> String {
    match history.first().map(|event| &event.kind) {
        Some(EventKind::OrchestrationStarted { version, .. }) => version.clone(),
        other => panic!("no history begins with {other:?}"),
    }
}

/// The result is made of the receipts of its steps, and of nothing else.
fn check_end(order: Order, steps: &[Step], status: &OrchestrationStatus, entries: &Entries) {
    let text = match status {
        OrchestrationStatus::Completed { output } if !order.fails() => output.clone(),
        OrchestrationStatus::Failed { details } if order.fails() => details.display_message(),
        other => panic!("{order:?}: {other:?}"),
    };
    let said: BTreeSet<&str> = text
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '#')
        .filter(|word| word.contains('#'))
        .collect();
    let receipt = |step: &Step| match entries.get(&(order.number, *step)) {
        Some(entry) => entry.receipt.as_str(),
        None => panic!("{order:?}: {step:?} was not taken"),
    };
    let expected: BTreeSet<&str> = steps.iter().map(receipt).collect();
    assert_eq!(said, expected, "{order:?}: {text}");
}

/// Each decision was answered once, and the end came once.
fn check_history(instance: &str, history: &[Event]) {
    let ids: Vec<u64> = history.iter().map(|event| event.event_id).collect();
    let expected: Vec<u64> = (1..=history.len() as u64).collect();
    assert_eq!(ids, expected, "{instance}");
    let mut answered = BTreeSet::new();
    for event in history {
        let is_end = event.kind.is_terminal();
        assert_eq!(
            is_end,
            event.event_id == history.len() as u64,
            "{instance}: {history:?}"
        );
        if let Some(source) = event.source_event_id {
            assert!(answered.insert(source), "{instance}: {source} twice");
        }
    }
    let asked: BTreeSet<u64> = history
        .iter()
        .filter(|event| {
            matches!(
                event.kind,
                EventKind::ActivityScheduled { .. }
                    | EventKind::TimerCreated { .. }
                    | EventKind::SubOrchestrationScheduled { .. }
                    | EventKind::ExternalSubscribed { .. }
            )
        })
        .map(|event| event.event_id)
        .collect();
    assert_eq!(answered, asked, "{instance}: {history:?}");
}

/// Orders did change hands in both directions, or the play has shown nothing.
fn check_mixture(orders: &[Order], entries: &Entries) {
    let by = |order: &Order, step| entries.get(&(order.number, step)).map(|entry| entry.by);
    let went = |from, to| {
        let has_gone = |order: &&Order| {
            by(order, Step::Reserve) == Some(from) && by(order, Step::Charge) == Some(to)
        };
        orders.iter().filter(has_gone).count()
    };
    let (forth, back) = (
        went(Generation::Old, Generation::New),
        went(Generation::New, Generation::Old),
    );
    assert!(
        forth >= 100,
        "{forth} orders went from old code to new code"
    );
    assert!(back >= 40, "{back} orders went from new code to old code");
}
