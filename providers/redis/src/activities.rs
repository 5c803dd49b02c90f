//! Looking at one queue of activities.

use bytes::Bytes;
use duroxide_core::providers::page::Room;
use duroxide_core::providers::{
    ActivityKey, ActivityPage, ActivityRecord, Incarnation, ListActivities, ProviderError,
    TaskQueue,
};
use serde::{Deserialize, Serialize};

use crate::codes::{ActivityId, Id, Number};
use crate::error;
use crate::look::Look;
use crate::merge::{Fetched, Listing, Merged, Size};
use crate::partition::Partition;
use crate::provider::RedisProvider;

const OPERATION: &str = "list_activities";

/// An activity, as a look finds it.
#[derive(Debug, Deserialize)]
pub(crate) struct SeenActivity {
    #[serde(rename = "i")]
    instance: String,
    #[serde(rename = "ic")]
    incarnation: Id,
    #[serde(rename = "k")]
    pub(crate) key: ActivityId,
    #[serde(rename = "q")]
    queue: String,
    #[serde(rename = "at")]
    attempts: u32,
    #[serde(rename = "un")]
    claimable_from_ms: u64,
    #[serde(rename = "le")]
    is_leased: bool,
    /// Its place among those that are claimable from the same time on.
    #[serde(rename = "n")]
    number: Number,
    #[serde(rename = "l")]
    body_bytes: usize,
    #[serde(rename = "b", default)]
    body: Option<Bytes>,
    #[serde(rename = "dl", default)]
    details_bytes: usize,
    #[serde(rename = "d", default)]
    details: Option<Bytes>,
}

impl SeenActivity {
    /// The room that it takes in a page.
    pub(crate) fn bytes(&self) -> usize {
        self.body_bytes.saturating_add(self.details_bytes)
    }

    pub(crate) fn into_record(
        self,
        operation: &'static str,
    ) -> Result<ActivityRecord, ProviderError> {
        Ok(ActivityRecord {
            key: ActivityKey {
                instance: error::stored_id(operation, self.instance)?,
                incarnation: Incarnation(self.incarnation.0),
                execution: self.key.execution,
                activity_id: self.key.activity_id,
            },
            queue: TaskQueue(self.queue.into()),
            attempts: self.attempts,
            claimable_from_ms: self.claimable_from_ms,
            is_leased: self.is_leased,
            body_bytes: self.body_bytes,
            body: self.body,
            details_bytes: self.details_bytes,
            details: self.details,
        })
    }
}

/// The activities of a queue behind a place.
#[derive(Debug, Serialize)]
pub(crate) struct ActivitiesLook<'a> {
    queue: &'a str,
    after: Option<(String, Number)>,
    items: usize,
    with_bodies: bool,
}

#[derive(Debug, Deserialize)]
struct SeenActivities {
    activities: Vec<SeenActivity>,
    /// Behind what there may be more: a time and a number. Some may have been passed over.
    #[serde(default)]
    last: Option<(u64, Number)>,
}

/// The activities of a queue.
struct Activities<'a> {
    provider: &'a RedisProvider,
    request: &'a ListActivities,
}

impl Listing for Activities<'_> {
    const OPERATION: &'static str = OPERATION;
    type Item = SeenActivity;
    /// From when on a claim returns it, and its number.
    type Place = Option<(u64, u64)>;
    type Key = u64;

    fn subject(&self) -> &str {
        self.request.queue.as_str()
    }

    fn key(&self, item: &SeenActivity) -> u64 {
        item.claimable_from_ms
    }

    async fn fetch(
        &self,
        partition: &Partition,
        behind: &Self::Place,
        size: Size,
    ) -> Result<Fetched<Self>, ProviderError> {
        let look = Look::Activities(ActivitiesLook {
            queue: self.request.queue.as_str(),
            after: behind.map(|(at_ms, number)| (at_ms.to_string(), Number(number))),
            items: size.wanted,
            with_bodies: self.request.with_bodies,
        });
        let seen: SeenActivities = self.provider.look(OPERATION, partition, look).await?;
        let place = |it: &SeenActivity| Some((it.claimable_from_ms, it.number.0));
        let items = seen.activities.into_iter().map(|it| (place(&it), it));
        let items: Vec<_> = items.collect();
        Ok(Fetched {
            looked_at: items.len(),
            more: seen.last.map(|(at_ms, number)| Some((at_ms, number.0))),
            items,
        })
    }
}

impl RedisProvider {
    /// A page of the activities of a queue (ADM-09).
    pub(crate) async fn activities_of(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        let listing = Activities {
            provider: self,
            request,
        };
        let partitions = &self.setup.partitions;
        let mut list = Merged::new(partitions, listing, request.after.as_ref(), &None)?;
        let mut page = ActivityPage::default();
        let room = Room::new(request.activities_max, request.bytes_max);
        let mut room = room.with_bodies(request.with_bodies);
        loop {
            if list.must_fetch() {
                let size = Size {
                    rows: usize::MAX,
                    wanted: room.items() + 1,
                };
                list.fetch(size).await?;
                continue;
            }
            let Some(next) = list.peek() else {
                return Ok(page);
            };
            if !room.take(next.bytes()) {
                page.next = Some(list.cursor());
                return Ok(page);
            }
            let activity = list.take().map(|it| it.into_record(OPERATION));
            page.activities.extend(activity.transpose()?);
        }
    }
}
