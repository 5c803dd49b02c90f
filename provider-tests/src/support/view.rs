//! What can be seen of a store without changing it.

use duroxide_core::providers::{
    ExecutionRecord, HistoryChunk, InstanceHead, InstanceValue, QueueDepths, ReadHistory,
    SystemMetrics,
};

use super::{Cx, id};

/// Everything that a look at some instances shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct View {
    instances: Vec<InstanceView>,
    counts: Option<(SystemMetrics, QueueDepths)>,
}

#[derive(Debug, PartialEq, Eq)]
struct InstanceView {
    head: Option<InstanceHead>,
    /// Of each execution up to one that cannot be there.
    histories: Vec<Vec<HistoryChunk>>,
    executions: Option<Vec<ExecutionRecord>>,
    /// Those of the keys in [`VIEWED_KEYS`].
    values: Vec<InstanceValue>,
}

/// The keys of the values that are looked at.
pub(crate) const VIEWED_KEYS: [&str; 2] = ["value", "value/1:{\"é\"}'%_"];

impl View {
    /// Without what only the management operations show.
    pub(crate) fn without_management(mut self) -> Self {
        self.counts = None;
        for instance in &mut self.instances {
            instance.executions = None;
        }
        self
    }
}

impl Cx {
    /// Looks at these instances, and at the counts of the whole store.
    pub(crate) async fn view(&self, instances: &[&str]) -> View {
        let mut views = Vec::new();
        for instance in instances {
            views.push(self.view_instance(instance).await);
        }
        let counts = match self.provider().admin() {
            Some(admin) => Some((
                admin.metrics().await.expect("metrics can be read"),
                admin.queue_depths().await.expect("depths can be read"),
            )),
            None => None,
        };
        View {
            instances: views,
            counts,
        }
    }

    async fn view_instance(&self, instance: &str) -> InstanceView {
        let head = self.head_if_any(instance).await;
        let latest = head.as_ref().map_or(1, |head| head.position.execution);
        let mut histories = Vec::new();
        for execution in 1..=latest + 1 {
            histories.push(self.history(instance, execution).await);
        }
        let executions = match self.provider().admin() {
            Some(admin) => Some(
                admin
                    .list_executions(&id(instance))
                    .await
                    .expect("executions can be listed"),
            ),
            None => None,
        };
        InstanceView {
            head,
            histories,
            executions,
            values: self.values(instance, &VIEWED_KEYS).await,
        }
    }

    /// The history of an execution, page by page.
    pub(crate) async fn history(&self, instance: &str, execution: u64) -> Vec<HistoryChunk> {
        const PAGE_BYTES_MAX: usize = 1 << 26;
        let mut request = ReadHistory {
            instance: id(instance),
            execution,
            from_event_id: 1,
            bytes_max: PAGE_BYTES_MAX,
        };
        let mut chunks: Vec<HistoryChunk> = Vec::new();
        loop {
            let page = self
                .provider()
                .read_history(&request)
                .await
                .expect("a history can be read");
            chunks.extend(page.chunks);
            match chunks.last() {
                Some(last) if page.more => request.from_event_id = last.next_event_id(),
                _ => return chunks,
            }
        }
    }
}
