//! The store is compared with what was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use duroxide_core::providers::{InstanceFilter, InstanceHead, Provider, QueueDepths};
use duroxide_core::{Client, Event};

use super::ledger::{Ledger, Record};
use super::scene::Scene;
use super::shape::{self, Shape};
use super::{Failure, history, worker};

/// How many findings are told.
const FINDINGS_MAX: usize = 10;

/// What was found to be in order.
pub(super) struct Checked {
    pub(super) summary: String,
    /// Whether processes can share a store of the provider.
    pub(super) can_be_shared: bool,
}

/// Checks everything.
pub(super) fn check(scene: &Scene, ledger: &Ledger) -> Result<Checked, Failure> {
    scene.check_files()?;
    worker::runtime()?.block_on(async {
        let store = scene.open().await?;
        let mut check = Check {
            client: Client::new(Arc::clone(&store)),
            store: Arc::clone(&store),
            children: BTreeMap::new(),
            instances: 0,
            events: 0,
            findings: Vec::new(),
        };
        let checked = check.everything(ledger).await;
        let can_be_shared = store.capabilities().multi_process;
        store.close().await;
        checked?;
        Ok(Checked {
            summary: check.verdict()?,
            can_be_shared,
        })
    })
}

struct Check {
    store: Arc<dyn Provider>,
    client: Client,
    /// By parent: how many children are there.
    children: BTreeMap<String, usize>,
    instances: usize,
    events: usize,
    findings: Vec<String>,
}

/// An instance, and what it must be.
struct Subject<'a> {
    id: &'a str,
    head: &'a InstanceHead,
    shape: Shape,
    /// As a client is told its end; `None` for a child, whose end its parent hears.
    record: Option<&'a Record>,
    is_cancelled: bool,
}

impl Check {
    async fn everything(&mut self, ledger: &Ledger) -> Result<(), Failure> {
        self.check_stored(ledger).await?;
        self.check_acknowledged(ledger).await?;
        let depths = self.client.get_queue_depths().await?;
        if depths != QueueDepths::default() {
            self.findings
                .push(format!("something is left over: {depths:?}"));
        }
        Ok(())
    }

    /// Every instance in the store is sound, and one that was asked for or the child of one.
    async fn check_stored(&mut self, ledger: &Ledger) -> Result<(), Failure> {
        let store = Arc::clone(&self.store);
        let mut filter = InstanceFilter::default();
        loop {
            let page = store.admin().list_instances(&filter).await?;
            for record in &page.instances {
                self.check_instance(&record.head, ledger).await?;
            }
            filter.after = page.next;
            if filter.after.is_none() {
                return Ok(());
            }
        }
    }

    async fn check_instance(
        &mut self,
        head: &InstanceHead,
        ledger: &Ledger,
    ) -> Result<(), Failure> {
        let id = head.instance.as_str();
        let root = id.split("::").next().unwrap_or(id);
        let subject = ledger.records.get(root).and_then(|record| {
            let is_root = id == root;
            Some(Subject {
                id,
                head,
                shape: Shape::parse(&head.orchestration)?,
                record: is_root.then_some(record),
                is_cancelled: record.shape == Shape::Cancel,
            })
        });
        let Some(subject) = subject else {
            self.findings.push(format!("{id}: nobody asked for it"));
            return Ok(());
        };
        if subject.record.is_none() {
            *self.children.entry(root.to_owned()).or_default() += 1;
        }
        let histories = self.histories(&subject).await?;
        self.instances += 1;
        self.events += histories.iter().map(Vec::len).sum::<usize>();
        if let Err(what) = check_histories(&subject, &histories) {
            let text: String = histories.iter().map(|it| history::describe(it)).collect();
            self.findings.push(format!("{id}: {what}\n{text}"));
        }
        Ok(())
    }

    async fn histories(&self, subject: &Subject<'_>) -> Result<Vec<Vec<Event>>, Failure> {
        let mut histories = Vec::new();
        for execution in 1..=subject.head.position.execution {
            let history = self.store.read_with_execution(subject.id, execution).await;
            histories.push(history?);
        }
        Ok(histories)
    }

    /// What clients heard is as it should be and still so, and each instance has its children.
    async fn check_acknowledged(&mut self, ledger: &Ledger) -> Result<(), Failure> {
        for (id, record) in &ledger.records {
            let expected = record.shape.end(id);
            let stored = self.client.get_orchestration_status(id).await?;
            let stored = worker::end(&stored);
            if stored != expected {
                self.findings
                    .push(format!("{id}: it is {stored:?} and not {expected:?}"));
            }
            if record.end.as_ref() != Some(&stored) {
                let seen = &record.end;
                self.findings.push(format!(
                    "{id}: it is {stored:?}, and its client saw {seen:?}"
                ));
            }
            let children = self.children.get(id).copied().unwrap_or(0);
            if !record.shape.children().contains(&children) {
                self.findings
                    .push(format!("{id}: it has {children} children"));
            }
        }
        Ok(())
    }

    fn verdict(self) -> Result<String, Failure> {
        let (instances, events) = (self.instances, self.events);
        if self.findings.is_empty() {
            return Ok(format!(
                "{instances} orchestrations with {events} events, each once"
            ));
        }
        let count = self.findings.len();
        let told: Vec<String> = self.findings.into_iter().take(FINDINGS_MAX).collect();
        Err(format!("{count} findings, of which\n{}", told.join("\n")).into())
    }
}

fn check_histories(subject: &Subject<'_>, histories: &[Vec<Event>]) -> Result<(), String> {
    let shape = subject.shape;
    if !subject.head.status.is_terminal() {
        return Err(format!("its status is {:?}", subject.head.status));
    }
    if histories.len() as u64 != shape.executions() {
        return Err(format!("it has {} executions", histories.len()));
    }
    let mut activities = 0;
    for history in histories {
        history::check(history, subject.is_cancelled)?;
        activities += history::activities(history);
        if let Some(record) = subject.record {
            check_raises(subject.id, record, history)?;
        }
    }
    let expected = if subject.is_cancelled {
        0
    } else {
        shape.activities()
    };
    if activities != expected {
        return Err(format!("it has {activities} activities and not {expected}"));
    }
    Ok(())
}

/// Every acknowledged event is recorded, and none more often than it was raised.
fn check_raises(id: &str, record: &Record, history: &[Event]) -> Result<(), String> {
    for (event, raises) in &record.raises {
        let recorded = history::times_raised(history, &shape::datum(id, event));
        // Once the instance has ended, a repeated event finds nobody who would record it.
        if recorded == 0 || recorded > raises.tried {
            return Err(format!(
                "{event}: {raises:?}, and recorded {recorded} times"
            ));
        }
    }
    Ok(())
}
