//! Looking at one queue of activities.

use bytes::Bytes;
use duroxide_core::providers::page::Room;
use duroxide_core::providers::{
    ActivityKey, ActivityPage, ActivityRecord, Incarnation, ListActivities, PageCursor,
    ProviderError, TaskQueue,
};
use serde::{Deserialize, Serialize};

use crate::codes::{ActivityId, Id, Number};
use crate::error;
use crate::look::Look;
use crate::provider::RedisProvider;

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
    is_all: bool,
}

impl RedisProvider {
    /// A page of the activities of a queue (ADM-09).
    pub(crate) async fn activities_of(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        const OPERATION: &str = "list_activities";
        let after = request.after.as_ref();
        let after: Option<(u64, u64)> = after.map(|it| it.place(OPERATION)).transpose()?;
        let mut page = ActivityPage::default();
        let room = Room::new(request.activities_max, request.bytes_max);
        let mut room = room.with_bodies(request.with_bodies);
        let mut last = after;
        loop {
            let look = Look::Activities(ActivitiesLook {
                queue: request.queue.as_str(),
                after: last.map(|(at_ms, number)| (at_ms.to_string(), Number(number))),
                items: room.items() + 1,
                with_bodies: request.with_bodies,
            });
            let seen: SeenActivities = self
                .look(OPERATION, self.setup.partitions.first(), look)
                .await?;
            for activity in seen.activities {
                if !room.take(activity.bytes()) {
                    page.next = last.as_ref().map(PageCursor::of);
                    return Ok(page);
                }
                last = Some((activity.claimable_from_ms, activity.number.0));
                page.activities.push(activity.into_record(OPERATION)?);
            }
            if seen.is_all {
                return Ok(page);
            }
        }
    }
}
