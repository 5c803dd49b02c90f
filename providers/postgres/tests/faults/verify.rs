//! What must be there in the end.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::{InstanceFilter, InstanceRecord, InstanceStatus, Provider};
use duroxide_core::{Client, Event, EventKind, QueueDepths};

use super::clients::Asked;
use super::store::{Store, now_ms, sleep};

/// How long the last leftovers may take, which is a few leases.
const DRAIN_MS: u64 = 15_000;

/// Checks that everything that was asked for has happened, once, and that nothing is left.
pub(crate) async fn verify(store: &Store, provider: &Arc<dyn Provider>, asked: &Asked) {
    let client = Client::new(Arc::clone(provider));
    let until_ms = now_ms() + DRAIN_MS;
    loop {
        let depths = client.get_queue_depths().await.unwrap();
        if depths == QueueDepths::default() {
            break;
        }
        assert!(now_ms() < until_ms, "something is left over: {depths:?}");
        sleep(Duration::from_millis(50)).await;
    }
    let admin = provider.admin();
    let mut filter = InstanceFilter::default();
    let mut found = 0;
    loop {
        let page = admin.list_instances(&filter).await.unwrap();
        for InstanceRecord { head, .. } in &page.instances {
            let instance = head.instance.as_str();
            assert_eq!(head.status, InstanceStatus::Completed, "{instance}");
            let history = client.read_execution_history(instance, 1).await.unwrap();
            check_history(&history)
                .unwrap_or_else(|what| panic!("{instance}: {what}\n{history:#?}"));
            let root = instance.split("::").next().unwrap();
            let raises = *asked.get(root).expect("somebody asked for it");
            let activities = activities(&history);
            if root == instance {
                assert_eq!(activities, 3, "{instance}");
                let recorded = times_raised(&history, instance);
                assert!(
                    (1..=raises).contains(&recorded),
                    "{instance}: {recorded} of {raises}"
                );
            } else {
                assert_eq!(activities, 1, "{instance}");
            }
            found += 1;
        }
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    // Each has one child.
    assert_eq!(found, asked.len() * 2);
    let counted_wrongly = "SELECT count(*) FROM ready WHERE mail_count <> 0";
    assert_eq!(store.number(counted_wrongly).await, 0);
}

/// Numbers without a gap, one start, one end, and one outcome for each decision.
pub(crate) fn check_history(history: &[Event]) -> Result<(), String> {
    for (number, event) in (1..).zip(history) {
        if event.event_id != number {
            return Err(format!("event {number} has the number {}", event.event_id));
        }
    }
    let is_start = |event: &&Event| matches!(event.kind, EventKind::OrchestrationStarted { .. });
    if history.iter().filter(is_start).count() != 1 {
        return Err("its history does not begin once".to_owned());
    }
    let ends = history.iter().filter(|event| event.kind.is_terminal());
    if ends.count() != 1 || !history.last().is_some_and(|event| event.kind.is_terminal()) {
        return Err("its history does not end once".to_owned());
    }
    for event in history {
        let is_answered = matches!(
            event.kind,
            EventKind::ActivityScheduled { .. }
                | EventKind::TimerCreated { .. }
                | EventKind::SubOrchestrationScheduled { .. }
        );
        let is_its =
            |input: &&Event| input.kind.is_input() && input.source_event_id == Some(event.event_id);
        let outcomes = history.iter().filter(is_its).count();
        if is_answered && outcomes != 1 {
            return Err(format!("step {} has {outcomes} outcomes", event.event_id));
        }
    }
    Ok(())
}

fn activities(history: &[Event]) -> usize {
    let is_one = |event: &&Event| matches!(event.kind, EventKind::ActivityScheduled { .. });
    history.iter().filter(is_one).count()
}

fn times_raised(history: &[Event], datum: &str) -> u64 {
    let is_it = |event: &&Event| matches!(&event.kind, EventKind::ExternalEvent { data, .. } if data == datum);
    history.iter().filter(is_it).count() as u64
}
