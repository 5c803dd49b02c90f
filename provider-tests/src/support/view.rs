//! What can be seen of a store without changing it.

use duroxide_core::providers::{
    ActivityRecord, ExecutionRecord, HistoryChunk, InstanceHead, InstanceValue, Labels,
    MessageRecord, QueueDepths, ReadHistory, Standing, SystemMetrics,
};

use super::{Cx, id};

/// Everything that a look at some instances shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) instances: Vec<InstanceView>,
    counts: (SystemMetrics, QueueDepths),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InstanceView {
    head: Option<InstanceHead>,
    /// Of each execution up to one that cannot be there.
    histories: Vec<Vec<HistoryChunk>>,
    executions: Vec<ExecutionRecord>,
    possessions: Option<Possessions>,
    values: Vec<InstanceValue>,
}

/// What an instance has, as an inspection shows it.
#[derive(Debug, PartialEq, Eq)]
struct Possessions {
    labels: Labels,
    standing: Standing,
    messages: Vec<MessageRecord>,
    activities: Vec<ActivityRecord>,
}

impl View {
    /// Without the leases, which a store may end when it is opened (LEA-10).
    pub(crate) fn without_leases(mut self) -> Self {
        for instance in &mut self.instances {
            let Some(possessions) = &mut instance.possessions else {
                continue;
            };
            possessions.standing = Standing {
                attempts: possessions.standing.attempts,
                ..Standing::default()
            };
            for activity in &mut possessions.activities {
                activity.claimable_from_ms = 0;
                activity.is_leased = false;
            }
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
        let metrics = self.metrics().await;
        let counts = (metrics.totals, metrics.depths);
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
        let executions = self.admin().list_executions(&id(instance)).await;
        let executions = executions.expect("executions can be listed");
        let inspected = self.inspected(instance, 2).await;
        let possessions = inspected.map(|it| {
            assert_eq!(
                Some(&it.record.head),
                head.as_ref(),
                "an inspection shows the head"
            );
            let activities = it.activities.into_iter();
            Possessions {
                labels: it.record.labels,
                standing: self.comparable_standing(it.standing),
                messages: it.messages,
                activities: activities.map(|it| self.comparable_activity(it)).collect(),
            }
        });
        InstanceView {
            head,
            histories,
            executions,
            possessions,
            values: self.all_values(instance, 10).await,
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
