//! A store for the tests of the client: it keeps heads, remembers what was sent, and fails on
//! request. It is its own clock, in which every sleep is over at once and remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use uuid::Uuid;

use super::client::Client;
use crate::clock::{Clock, Sleep, millis_ceil};
use crate::event::{Entry, encode_chunk};
use crate::message::Output;
use crate::providers::{
    ActivityPage, Capabilities, Channel, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity,
    Commit, Committed, DeleteMode, Envelope, ExecutionRecord, ExecutionStatus, HistoryChunk,
    HistoryPage, Incarnation, Inspect, Inspection, InstanceFilter, InstanceHead, InstanceId,
    InstancePage, InstanceRecord, InstanceStatus, InstanceValue, Labels, ListActivities, MailPage,
    MessageId, MessageRecord, PageCursor, Position, Provider, ProviderAdmin, ProviderError,
    ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew, Renewal, Standing,
    StoreMetrics, TaskQueue, Turn, Watch, refusal,
};

/// The store and its clock; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Fake {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    heads: BTreeMap<InstanceId, InstanceHead>,
    sent: Vec<Envelope>,
    failures: VecDeque<ProviderError>,
    read_failures: VecDeque<ProviderError>,
    history_failures: VecDeque<ProviderError>,
    /// After so many deletions.
    deletion_failure: Option<(usize, ProviderError)>,
    slept_ms: Vec<u64>,
    histories: BTreeMap<InstanceId, HistoryChunk>,
    heads_read: usize,
    /// When the control message is due that waits for an instance.
    control: BTreeMap<InstanceId, u64>,
    /// How often an instance was looked at.
    looks: usize,
    /// How many instances a page of a list has, and one at least.
    page_rows: usize,
}

impl Fake {
    pub(super) fn client(&self) -> Client {
        Client::with_clock(Arc::new(self.clone()), Arc::new(self.clone()))
    }

    pub(super) fn put(&self, head: InstanceHead) {
        self.state.lock().heads.insert(head.instance.clone(), head);
    }

    /// Puts an instance with the history of its execution.
    pub(super) fn put_history(&self, mut head: InstanceHead, entries: &[Entry]) {
        let chunk = encode_chunk(entries).unwrap();
        head.position.next_event_id = chunk.next_event_id();
        let id = head.instance.clone();
        self.state.lock().histories.insert(id, chunk);
        self.put(head);
    }

    /// Has a control message wait for an instance, due at this time.
    pub(super) fn put_control(&self, id: &str, due_at_ms: u64) {
        let id = InstanceId::new(id).unwrap();
        self.state.lock().control.insert(id, due_at_ms);
    }

    /// How often an instance was looked at.
    pub(super) fn looks(&self) -> usize {
        self.state.lock().looks
    }

    /// Lists instances in pages of so many, instead of one by one.
    pub(super) fn list_in_pages_of(&self, rows: usize) {
        self.state.lock().page_rows = rows;
    }

    /// How often a head was read.
    pub(super) fn heads_read(&self) -> usize {
        self.state.lock().heads_read
    }

    /// Makes the next commits and waits fail.
    pub(super) fn fail_next(&self, failures: impl IntoIterator<Item = ProviderError>) {
        self.state.lock().failures.extend(failures);
    }

    /// Makes no call fail any more.
    pub(super) fn forgive(&self) {
        self.state.lock().failures.clear();
    }

    /// Makes the next reads of a head fail.
    pub(super) fn fail_reads(&self, failures: impl IntoIterator<Item = ProviderError>) {
        self.state.lock().read_failures.extend(failures);
    }

    /// Makes the next reads of a history fail.
    pub(super) fn fail_history_reads(&self, failures: impl IntoIterator<Item = ProviderError>) {
        self.state.lock().history_failures.extend(failures);
    }

    /// Makes one deletion fail, after so many that do not.
    pub(super) fn fail_deletion_after(&self, count: usize, failure: ProviderError) {
        self.state.lock().deletion_failure = Some((count, failure));
    }

    /// What was sent, failed attempts included.
    pub(super) fn sent(&self) -> Vec<Envelope> {
        self.state.lock().sent.clone()
    }

    pub(super) fn slept_ms(&self) -> Vec<u64> {
        self.state.lock().slept_ms.clone()
    }
}

/// The head of an instance in its third execution.
pub(super) fn head(id: &str, status: InstanceStatus, output: Option<Output>) -> InstanceHead {
    InstanceHead {
        instance: InstanceId::new(id).unwrap(),
        incarnation: Incarnation(Uuid::nil()),
        queue: TaskQueue::default(),
        parent: None,
        orchestration: "Order".to_owned(),
        version: Some("1.0.0".to_owned()),
        status,
        output: output.map(|output| output.encode()),
        position: Position {
            execution: 3,
            next_event_id: 5,
        },
        commit_id: None,
        core_state: bytes::Bytes::new(),
        awaited: Vec::new(),
        suspended: false,
        created_at_ms: 1,
        updated_at_ms: 2,
        note: None,
        expires_at_ms: None,
    }
}

impl Clock for Fake {
    fn now_ms(&self) -> u64 {
        self.state.lock().slept_ms.iter().sum()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let fake = self.clone();
        Box::pin(async move { fake.state.lock().slept_ms.push(millis_ceil(duration)) })
    }
}

#[async_trait]
impl Provider for Fake {
    fn about(&self) -> ProviderInfo {
        ProviderInfo {
            name: "fake",
            version: "1",
            backend: "a test".to_owned(),
            contract: ProviderInfo::CONTRACT,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::volatile()
    }

    async fn claim_turns(&self, _: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        Ok(Claimed::default())
    }

    async fn claim_activities(
        &self,
        _: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        Ok(Claimed::default())
    }

    async fn wait_for_work(&self, _: &Queues, _: Duration) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let mut state = self.state.lock();
        operations
            .into_iter()
            .map(|operation| {
                let Commit::Send(envelope) = operation else {
                    panic!("a client only sends")
                };
                state.sent.push(envelope);
                state.failures.pop_front().map_or(Ok(Committed::Sent), Err)
            })
            .collect()
    }

    async fn renew(&self, _: &[Renew], _: Duration) -> Vec<Result<Renewal, ProviderError>> {
        Vec::new()
    }

    async fn release(&self, _: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        Vec::new()
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let mut state = self.state.lock();
        if let Some(failure) = state.history_failures.pop_front() {
            return Err(failure);
        }
        let chunk = state.histories.get(&request.instance).cloned();
        Ok(HistoryPage {
            chunks: chunk.into_iter().collect(),
            more: false,
        })
    }

    async fn read_mail(&self, _: &ReadMail) -> Result<MailPage, ProviderError> {
        Ok(MailPage::default())
    }

    async fn read_values(&self, _: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        Ok(Vec::new())
    }

    async fn read_head(&self, id: &InstanceId) -> Result<Option<InstanceHead>, ProviderError> {
        let mut state = self.state.lock();
        state.heads_read += 1;
        match state.read_failures.pop_front() {
            Some(failure) => Err(failure),
            None => Ok(state.heads.get(id).cloned()),
        }
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        _: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        if let Some(error) = self.state.lock().failures.pop_front() {
            return Err(error);
        }
        let Some(Watch { instance, until }) = watched.first() else {
            return Ok(Vec::new());
        };
        let head = self.state.lock().heads.get(instance).cloned();
        match head.filter(|head| until.is_met_by(head, |_| None)) {
            Some(head) => Ok(vec![head]),
            // Whoever waits sets the deadline; this one never ends by itself.
            None => std::future::pending().await,
        }
    }

    async fn maintain(&self, _: Duration) -> Result<Option<Duration>, ProviderError> {
        Ok(None)
    }

    async fn close(&self) {}

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }
}

#[async_trait]
impl ProviderAdmin for Fake {
    /// Pages of one instance each, so that every list goes through several, unless a test wants others.
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        let after = filter.after.as_ref();
        let after: Option<InstanceId> = after.map(|it| it.place("list_instances")).transpose()?;
        let state = self.state.lock();
        let records = state.heads.values().map(|head| InstanceRecord {
            head: head.clone(),
            labels: Labels::new(),
        });
        let mut matching = records
            .filter(|it| after.as_ref().is_none_or(|after| it.head.instance > *after))
            .filter(|it| filter.is_met_by(&it.head, &it.labels));
        let rows = state.page_rows.max(1);
        let instances: Vec<_> = matching.by_ref().take(rows).collect();
        let last = instances.last().map(|it| PageCursor::of(&it.head.instance));
        Ok(InstancePage {
            next: last.filter(|_| matching.next().is_some()),
            instances,
        })
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        let mut state = self.state.lock();
        state.looks += 1;
        let control = state.control.get(&request.instance);
        let control = control.map(|due_at_ms| MessageRecord {
            id: MessageId(Uuid::nil()),
            channel: Channel::Control,
            execution: None,
            due_at_ms: *due_at_ms,
            body_bytes: 0,
            body: None,
        });
        let head = state.heads.get(&request.instance).cloned();
        Ok(head.map(|head| Inspection {
            record: InstanceRecord {
                head,
                labels: Labels::new(),
            },
            standing: Standing::default(),
            messages: control.into_iter().collect(),
            activities: Vec::new(),
            next: None,
        }))
    }

    async fn list_activities(&self, _: &ListActivities) -> Result<ActivityPage, ProviderError> {
        Ok(ActivityPage::default())
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let Some(head) = self.state.lock().heads.get(instance).cloned() else {
            return Ok(Vec::new());
        };
        let output = head.output;
        let record = |execution, status, output| ExecutionRecord {
            execution,
            status,
            output,
            started_at_ms: 1,
            completed_at_ms: Some(2),
            event_count: 4,
        };
        Ok(vec![
            record(2, ExecutionStatus::ContinuedAsNew, None),
            record(3, ExecutionStatus::Completed, output),
        ])
    }

    async fn delete_instance(
        &self,
        id: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "delete_instance";
        let mut state = self.state.lock();
        match state.deletion_failure.take() {
            Some((0, failure)) => return Err(failure),
            Some((count, failure)) => state.deletion_failure = Some((count - 1, failure)),
            None => {}
        }
        let head = state.heads.get(id);
        let head = head.ok_or_else(|| refusal::not_found(OPERATION, id))?;
        if mode == DeleteMode::TerminalOnly && !head.status.is_terminal() {
            return Err(refusal::invalid(OPERATION, id, "it has not ended"));
        }
        let now_ms = state.slept_ms.iter().sum();
        if mode == DeleteMode::TerminalOnly && state.control.get(id).is_some_and(|ms| *ms <= now_ms)
        {
            return Err(refusal::awaits_control(OPERATION, id));
        }
        state.heads.remove(id);
        Ok(())
    }

    async fn prune_executions(&self, _: &InstanceId, _: u64) -> Result<u64, ProviderError> {
        Ok(0)
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        Ok(StoreMetrics::default())
    }
}
