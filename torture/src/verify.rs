//! The store is compared with what was acknowledged.

use std::collections::BTreeMap;

use duroxide::providers::{InstanceId, InstanceStatus, Provider};
use duroxide::{Event, EventKind};

use crate::ledger::{Ledger, Record};
use crate::{Failure, shape, worker};

/// Checks every instance; answers what was checked.
pub(crate) fn check(url: &str, mode: &str, ledger: &Ledger) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = worker::open(url, mode).await?;
        let mut events = 0;
        for (instance, record) in &ledger.records {
            let checked = check_instance(&store, instance, record).await;
            events += checked.map_err(|error| format!("{instance}: {error}"))?;
        }
        check_queues(&store).await?;
        store.close().await;
        let instances = ledger.records.len();
        Ok(format!(
            "{instances} orchestrations with {events} events, each once"
        ))
    })
}

/// An instance has ended as its code says and as its client saw, and each step is recorded once.
async fn check_instance(
    store: &dyn Provider,
    instance: &str,
    record: &Record,
) -> Result<usize, Failure> {
    let head = store.read_head(&InstanceId::new(instance)?).await?;
    let head = head.ok_or("it was acknowledged and is not there")?;
    if head.status != InstanceStatus::Completed {
        return Err(format!("its status is {:?}", head.status).into());
    }
    let expected = record.shape.output(instance);
    if record.output.as_ref() != Some(&expected) {
        return Err(format!("its client saw {:?} and not {expected:?}", record.output).into());
    }
    let mut events = 0;
    for execution in 1..=record.shape.executions() {
        let history = store.read_with_execution(instance, execution).await?;
        check_history(&history)?;
        check_raises(&history, instance, record)?;
        events += history.len();
    }
    Ok(events)
}

/// Numbers without a gap, one start, one end, and one outcome for each decision.
fn check_history(history: &[Event]) -> Result<(), Failure> {
    for (index, event) in history.iter().enumerate() {
        if event.event_id != index as u64 + 1 {
            return Err(format!("event {} has the number {}", index + 1, event.event_id).into());
        }
    }
    let ends = history.iter().filter(|event| event.kind.is_terminal());
    if ends.count() != 1 || !history.last().is_some_and(|event| event.kind.is_terminal()) {
        return Err("its history does not end once".into());
    }
    let mut outcomes: BTreeMap<u64, usize> = BTreeMap::new();
    for event in history.iter().filter(|event| event.kind.is_input()) {
        if let Some(source) = event.source_event_id {
            *outcomes.entry(source).or_default() += 1;
        }
    }
    for event in history {
        let is_answered = matches!(
            event.kind,
            EventKind::ActivityScheduled { .. }
                | EventKind::TimerCreated { .. }
                | EventKind::SubOrchestrationScheduled { .. }
        );
        let times = outcomes.get(&event.event_id).copied().unwrap_or(0);
        if is_answered && times != 1 {
            return Err(format!("step {} is recorded {times} times", event.event_id).into());
        }
    }
    Ok(())
}

/// Every acknowledged event is recorded, and none more often than it was raised.
fn check_raises(history: &[Event], instance: &str, record: &Record) -> Result<(), Failure> {
    for (event, raises) in &record.raises {
        let datum = shape::datum(instance, event);
        let is_it = |kind: &EventKind| matches!(kind, EventKind::ExternalEvent { data, .. } if *data == datum);
        let recorded = history.iter().filter(|entry| is_it(&entry.kind)).count();
        // Once the instance has ended, a repeated event finds nobody who would record it.
        if recorded == 0 || recorded > raises.tried {
            return Err(format!("event {event}: {raises:?}, and recorded {recorded} times").into());
        }
    }
    Ok(())
}

/// Nothing is left over: no message, no activity.
async fn check_queues(store: &dyn Provider) -> Result<(), Failure> {
    let admin = store.admin().ok_or("the store has no management")?;
    let depths = admin.queue_depths().await?;
    if depths.worker_queue > 0 {
        return Err(format!("activities are left over: {depths:?}").into());
    }
    Ok(())
}
