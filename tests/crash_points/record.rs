//! What a run leaves behind.

use std::collections::BTreeMap;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{InstanceRecord, Provider as _, ProviderAdmin as _, QueueDepths};
use duroxide::{Event, EventKind};

use crate::ledger::Ledger;
use crate::support::type_of;

/// What a run leaves behind, which is the same whatever happened in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) ends: BTreeMap<&'static str, String>,
    /// By instance and execution, children included: how often each type of event is there.
    /// External events and cancellations are checked apart: a client that heard no answer sends
    /// them once more.
    pub(crate) steps: BTreeMap<(String, u64), BTreeMap<String, usize>>,
    pub(crate) depths: QueueDepths,
}

impl Record {
    pub(crate) async fn take(store: &MemoryProvider, ledger: &Ledger) -> Self {
        let page = store.list_instances(&Default::default()).await.unwrap();
        assert!(page.next.is_none(), "one page holds all instances");
        let mut steps = BTreeMap::new();
        let mut inputs = BTreeMap::new();
        for InstanceRecord { head, .. } in page.instances {
            let instance = head.instance.as_str();
            for execution in 1..=head.position.execution {
                let history = store
                    .read_with_execution(instance, execution)
                    .await
                    .unwrap();
                check_outcomes(instance, &history);
                count_inputs(instance, &history, &mut inputs);
                steps.insert((without_lives(instance), execution), count(&history));
            }
        }
        check_events(&inputs, ledger);
        Self {
            ends: ledger.ends.clone(),
            steps,
            depths: store.metrics().await.unwrap().depths,
        }
    }
}

/// The id of an instance without the lives of the parents that made it, which differ from run to run.
fn without_lives(instance: &str) -> String {
    let parts = instance.split("::sub::");
    let parts: Vec<&str> = parts
        .map(|part| part.split_once('-').map_or(part, |(event, _)| event))
        .collect();
    match parts.as_slice() {
        [_] => instance.to_owned(),
        parts => parts.join("::sub::"),
    }
}

fn is_from_a_client(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::ExternalEvent { .. } | EventKind::OrchestrationCancelRequested { .. }
    )
}

fn count(history: &[Event]) -> BTreeMap<String, usize> {
    let mut steps = BTreeMap::new();
    for event in history.iter().filter(|it| !is_from_a_client(&it.kind)) {
        *steps.entry(type_of(&event.kind)).or_default() += 1;
    }
    steps
}

/// Nothing has two outcomes, and events are numbered without a gap.
fn check_outcomes(instance: &str, history: &[Event]) {
    let mut answered = BTreeMap::new();
    for (number, event) in (1..).zip(history) {
        assert_eq!(event.event_id, number, "{instance} has a gap");
        let is_outcome = event.kind.is_input() && !is_from_a_client(&event.kind);
        if let Some(source) = event.source_event_id.filter(|_| is_outcome) {
            let earlier = answered.insert(source, event);
            assert!(earlier.is_none(), "{instance}: {earlier:?} and {event:?}");
        }
    }
}

/// By instance and event: how often it is recorded in the execution that has most of it.
type Inputs = BTreeMap<(String, String), usize>;

fn count_inputs(instance: &str, history: &[Event], inputs: &mut Inputs) {
    let mut here = Inputs::new();
    for event in history {
        if let EventKind::ExternalEvent { name, data } = &event.kind {
            assert_eq!(name, data, "{instance} got another event's data");
            *here.entry((instance.to_owned(), name.clone())).or_default() += 1;
        }
    }
    for (key, times) in here {
        let most = inputs.entry(key).or_default();
        *most = times.max(*most);
    }
}

/// Each event that was raised is recorded, and none more often than it was raised.
fn check_events(inputs: &Inputs, ledger: &Ledger) {
    for ((instance, event), asked) in &ledger.events {
        let key = ((*instance).to_owned(), (*event).to_owned());
        let recorded = inputs.get(&key).copied().unwrap_or(0);
        assert!(
            (1..=asked.times).contains(&recorded),
            "{event} of {instance} was raised as {asked:?} and is recorded {recorded} times"
        );
    }
}
