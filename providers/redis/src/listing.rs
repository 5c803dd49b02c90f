//! Lists of instances.

use std::cmp::Reverse;

use bytes::Bytes;
use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::{
    InstanceFilter, InstancePage, InstanceRecord, InstanceStatus, ListOrder, ProviderError,
    TaskQueue, check, prefix_end,
};
use serde::{Deserialize, Serialize};

use crate::codes::StatusCode;
use crate::error;
use crate::head::StoredHead;
use crate::inspect::labels;
use crate::look::{self, Look};
use crate::merge::{Fetched, Listing, Merged, Size};
use crate::partition::Partition;
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
    /// What was passed over, and why.
    #[serde(default)]
    damaged: Vec<(String, String)>,
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

/// Behind what a partition's part of the list goes on: an id, the empty one being before all, or a number from
/// the newest on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum InstancePlace {
    Id(String),
    Number(u64),
}

/// What instances are listed by, over all partitions.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum InstanceKey {
    Id(String),
    /// When it was created: whose clock says later comes first.
    Newest(Reverse<u64>),
}

/// The instances that meet a filter.
struct Instances<'a> {
    provider: &'a RedisProvider,
    filter: &'a InstanceFilter,
    request: FilterRequest<'a>,
}

impl Listing for Instances<'_> {
    const OPERATION: &'static str = OPERATION;
    type Item = InstanceRecord;
    type Place = InstancePlace;
    type Key = InstanceKey;

    fn subject(&self) -> &str {
        &self.filter.id_prefix
    }

    fn key(&self, item: &InstanceRecord) -> InstanceKey {
        match self.filter.order {
            ListOrder::ById => InstanceKey::Id(item.head.instance.to_string()),
            ListOrder::NewestFirst => InstanceKey::Newest(Reverse(item.head.created_at_ms)),
        }
    }

    async fn fetch(
        &self,
        partition: &Partition,
        behind: &InstancePlace,
        size: Size,
    ) -> Result<Fetched<Self>, ProviderError> {
        let (from, before) = self.start(behind);
        let to = prefix_end(&self.filter.id_prefix);
        let look = Look::Instances(InstancesLook {
            filter: &self.request,
            from,
            to: to.map_or_else(|| "+".to_owned(), |end| format!("({end}")),
            is_newest_first: self.filter.order == ListOrder::NewestFirst,
            before,
            rows: size.rows,
            wanted: size.wanted,
            with_outputs: self.filter.with_outputs,
        });
        let seen: SeenInstances = self.provider.look(OPERATION, partition, look).await?;
        look::tell_of_damaged(&seen.damaged);
        let rows = seen.rows.into_iter().map(|row| self.item(row));
        let last = seen.last.filter(|_| seen.more);
        Ok(Fetched {
            items: rows.collect::<Result<_, _>>()?,
            looked_at: seen.looked_at,
            more: last.map(|last| self.place(last)).transpose()?,
        })
    }
}

impl Instances<'_> {
    /// Where a slice begins, in the server's words for the ends of a range.
    fn start(&self, behind: &InstancePlace) -> (String, Option<String>) {
        let prefix = &*self.filter.id_prefix;
        match behind {
            InstancePlace::Id(after) if !after.is_empty() && **after >= *prefix => {
                (format!("({after}"), None)
            }
            // No id is empty, so that all are behind the empty prefix.
            InstancePlace::Id(_) => (format!("[{prefix}"), None),
            // Before the first page there is no number.
            InstancePlace::Number(number) => (
                String::new(),
                (*number < u64::MAX).then(|| number.to_string()),
            ),
        }
    }

    fn item(&self, row: SeenRow) -> Result<(InstancePlace, InstanceRecord), ProviderError> {
        let id = error::stored_id(OPERATION, row.id)?;
        let head = StoredHead::read(OPERATION, &row.head)?;
        let place = match self.filter.order {
            ListOrder::ById => InstancePlace::Id(id.to_string()),
            ListOrder::NewestFirst => InstancePlace::Number(head.number.0),
        };
        let mut head = head.into_head(OPERATION, id, row.output)?;
        if !self.filter.with_outputs {
            head.output = None;
        }
        let record = InstanceRecord {
            head,
            labels: labels(OPERATION, row.labels.as_ref())?,
        };
        Ok((place, record))
    }

    /// The place of what was looked at last, as the script says it.
    fn place(&self, last: String) -> Result<InstancePlace, ProviderError> {
        Ok(match self.filter.order {
            ListOrder::ById => InstancePlace::Id(last),
            ListOrder::NewestFirst => {
                let number = last.parse();
                InstancePlace::Number(number.map_err(|cause| error::corrupt(OPERATION, cause))?)
            }
        })
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
        let listing = Instances {
            provider: self,
            filter,
            request: FilterRequest::of(filter),
        };
        let first = match filter.order {
            ListOrder::ById => InstancePlace::Id(String::new()),
            ListOrder::NewestFirst => InstancePlace::Number(u64::MAX),
        };
        let partitions = &self.setup.partitions;
        let mut list = Merged::new(partitions, listing, filter.after.as_ref(), &first)?;
        let instances_max = check::page_rows(filter.instances_max);
        let mut page = InstancePage::default();
        let mut rows = PAGE_ROWS_MAX;
        while page.instances.len() < instances_max {
            let wanted = instances_max - page.instances.len();
            if list.must_fetch() {
                match list.fetch(Size { rows, wanted }).await? {
                    Some(looked_at) => rows = rows.saturating_sub(looked_at),
                    None => break,
                }
                continue;
            }
            match list.take() {
                Some(instance) => page.instances.push(instance),
                None => break,
            }
        }
        page.next = (!list.is_over()).then(|| list.cursor());
        Ok(page)
    }
}
