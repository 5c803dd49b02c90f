//! Lists of instances.

use bytes::Bytes;
use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::page::After;
use duroxide_core::providers::{
    InstanceFilter, InstancePage, InstanceRecord, InstanceStatus, PageCursor, ProviderError,
    TaskQueue, check, prefix_end,
};
use serde::{Deserialize, Serialize};

use crate::codes::StatusCode;
use crate::error;
use crate::head::StoredHead;
use crate::inspect::labels;
use crate::look::Look;
use crate::provider::RedisProvider;

const OPERATION: &str = "list_instances";

/// A slice of a list.
#[derive(Debug, Serialize)]
pub(crate) struct InstancesLook<'a> {
    filter: &'a FilterRequest<'a>,
    /// From where to where in an index that is ordered by ids.
    from: String,
    to: String,
    is_newest_first: bool,
    /// Then: behind which number, in digits.
    before: Option<String>,
    /// How many to look at, at most.
    rows: usize,
    /// How many to show, at most.
    wanted: usize,
    with_outputs: bool,
}

/// The conditions of a filter.
#[derive(Debug, Serialize)]
struct FilterRequest<'a> {
    statuses: Vec<StatusCode>,
    suspended: Option<bool>,
    orchestration: Option<&'a str>,
    queue: Option<&'a str>,
    parent: Option<&'a str>,
    prefix: &'a str,
    labels: Vec<(&'a str, &'a str)>,
}

impl<'a> FilterRequest<'a> {
    fn of(filter: &'a InstanceFilter) -> Self {
        let labels = filter.labels.iter();
        Self {
            statuses: filter.statuses.iter().map(|it| status_code(*it)).collect(),
            suspended: filter.suspended,
            orchestration: filter.orchestration.as_deref(),
            queue: filter.queue.as_ref().map(TaskQueue::as_str),
            parent: filter.parent.as_deref(),
            prefix: &filter.id_prefix,
            labels: labels.map(|(key, value)| (&**key, &**value)).collect(),
        }
    }
}

fn status_code(status: InstanceStatus) -> StatusCode {
    match status {
        InstanceStatus::Pending => StatusCode::Pending,
        InstanceStatus::Running => StatusCode::Running,
        InstanceStatus::Completed => StatusCode::Completed,
        InstanceStatus::Failed => StatusCode::Failed,
    }
}

#[derive(Debug, Deserialize)]
struct SeenInstances {
    rows: Vec<SeenRow>,
    looked_at: usize,
    /// The id or the number of the last one that was looked at.
    #[serde(default)]
    last: Option<String>,
    /// Whether there are others behind it.
    more: bool,
}

#[derive(Debug, Deserialize)]
struct SeenRow {
    #[serde(rename = "i")]
    id: String,
    #[serde(rename = "h")]
    head: Bytes,
    #[serde(rename = "l", default)]
    labels: Option<Bytes>,
    #[serde(rename = "o", default)]
    output: Option<Bytes>,
}

impl SeenRow {
    fn into_record(self) -> Result<InstanceRecord, ProviderError> {
        let id = error::stored_id(OPERATION, self.id)?;
        let head = StoredHead::read(OPERATION, &self.head)?;
        Ok(InstanceRecord {
            head: head.into_head(OPERATION, id, self.output)?,
            labels: labels(OPERATION, self.labels.as_ref())?,
        })
    }
}

/// Where the next slice begins, in the server's words for the ends of a range.
fn start(filter: &InstanceFilter, after: &After) -> (String, Option<String>) {
    match after {
        After::Id(Some(after)) if after.as_str() >= &*filter.id_prefix => {
            (format!("({after}"), None)
        }
        // No id is empty, so that all are behind the empty prefix.
        After::Id(_) => (format!("[{}", filter.id_prefix), None),
        // Before the first page there is no number.
        After::Number(number) => (
            String::new(),
            (*number < u64::MAX).then(|| number.to_string()),
        ),
    }
}

impl RedisProvider {
    /// A page of the instances that meet a filter (ADM-01, ADM-04 to ADM-06), in slices of what it looks
    /// at, by the narrowest index: that of a parent, of a label, or of all. The order of age has one index,
    /// of all, so that a page looks at the newest unless the parent or the label has few.
    pub(crate) async fn instances_of(
        &self,
        filter: &InstanceFilter,
    ) -> Result<InstancePage, ProviderError> {
        let mut after = After::of(filter)?;
        let request = FilterRequest::of(filter);
        let to = prefix_end(&filter.id_prefix);
        let to = to.map_or_else(|| "+".to_owned(), |end| format!("({end}"));
        let instances_max = check::page_rows(filter.instances_max);
        let mut page = InstancePage::default();
        let mut looked_at = 0;
        loop {
            let (from, before) = start(filter, &after);
            let look = Look::Instances(InstancesLook {
                filter: &request,
                from,
                to: to.clone(),
                is_newest_first: matches!(after, After::Number(_)),
                before,
                rows: PAGE_ROWS_MAX.saturating_sub(looked_at),
                wanted: instances_max.saturating_sub(page.instances.len()),
                with_outputs: filter.with_outputs,
            });
            let seen: SeenInstances = self
                .look(OPERATION, self.setup.partitions.first(), look)
                .await?;
            for row in seen.rows {
                page.instances.push(row.into_record()?);
            }
            let Some(last) = seen.last.filter(|_| seen.more) else {
                return Ok(page);
            };
            after = match after {
                After::Id(_) => After::Id(Some(error::stored_id(OPERATION, last)?)),
                After::Number(_) => {
                    let number = last.parse();
                    After::Number(number.map_err(|cause| error::corrupt(OPERATION, cause))?)
                }
            };
            looked_at = looked_at.saturating_add(seen.looked_at);
            if looked_at >= PAGE_ROWS_MAX || page.instances.len() >= instances_max {
                page.next = Some(match &after {
                    After::Id(id) => PageCursor::of(id),
                    After::Number(number) => PageCursor::of(number),
                });
                return Ok(page);
            }
        }
    }
}
