//! Looking at one instance.

use bytes::Bytes;
use duroxide_core::providers::page::{Place, Room};
use duroxide_core::providers::{
    Channel, Inspect, Inspection, InstanceId, InstanceRecord, Labels, MessageId, MessageRecord,
    ProviderError, Standing,
};
use serde::{Deserialize, Serialize};

use crate::activities::SeenActivity;
use crate::claim::channel_of;
use crate::codec;
use crate::codes::{ActivityId, Id, Number};
use crate::error;
use crate::head::StoredHead;
use crate::look::Look;
use crate::message::channel_code;
use crate::provider::RedisProvider;

/// What an instance has behind a place.
#[derive(Debug, Serialize)]
pub(crate) struct InstanceLook<'a> {
    instance: &'a str,
    /// Which life of it, once the first slice has told.
    number: Option<Number>,
    /// Behind this message: its channel, the time at which it is due, and its number.
    message: Option<(String, String, Number)>,
    /// Behind this activity, and no messages.
    activity: Option<ActivityId>,
    items: usize,
    with_bodies: bool,
}

impl InstanceLook<'_> {
    /// Goes on behind this place.
    fn go_on(&mut self, place: &Place) {
        match place {
            Place::Message {
                channel,
                due_at_ms,
                arrival,
            } => {
                let due_at = due_at_ms.to_string();
                self.message = Some((channel_code(channel), due_at, Number(*arrival)));
            }
            Place::Activity {
                execution,
                activity_id,
            } => {
                self.activity = Some(ActivityId {
                    execution: *execution,
                    activity_id: *activity_id,
                });
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct SeenInstance {
    is_there: bool,
    #[serde(default)]
    now: u64,
    #[serde(default)]
    head: Bytes,
    #[serde(default)]
    labels: Option<Bytes>,
    #[serde(default)]
    output: Option<Bytes>,
    #[serde(default)]
    note: Option<Bytes>,
    #[serde(default)]
    messages: Vec<SeenMessage>,
    #[serde(default)]
    activities: Vec<SeenActivity>,
    /// Whether nothing is left behind these.
    #[serde(default)]
    is_all: bool,
}

#[derive(Debug, Deserialize)]
struct SeenMessage {
    #[serde(rename = "i")]
    id: Id,
    #[serde(rename = "c")]
    channel: String,
    #[serde(rename = "d")]
    due_at_ms: u64,
    #[serde(rename = "n")]
    number: Number,
    #[serde(rename = "x", default)]
    execution: Option<Number>,
    #[serde(rename = "l")]
    body_bytes: usize,
    #[serde(rename = "b", default)]
    body: Option<Bytes>,
}

impl SeenMessage {
    fn place(&self, channel: &Channel) -> Place {
        Place::Message {
            channel: channel.clone(),
            due_at_ms: self.due_at_ms,
            arrival: self.number.0,
        }
    }

    fn into_record(self, channel: Channel) -> MessageRecord {
        MessageRecord {
            id: MessageId(self.id.0),
            channel,
            execution: self.execution.map(|number| number.0),
            due_at_ms: self.due_at_ms,
            body_bytes: self.body_bytes,
            body: self.body,
        }
    }
}

/// A page of an inspection that is being filled.
struct Filling {
    inspection: Inspection,
    room: Room,
    last: Option<Place>,
}

impl Filling {
    /// Takes what fits of a slice; whether there was room for all of it.
    fn take(&mut self, seen: SeenInstance) -> Result<bool, ProviderError> {
        for message in seen.messages {
            if !self.room.take(message.body_bytes) {
                return Ok(false);
            }
            let channel = channel_of(&message.channel);
            self.last = Some(message.place(&channel));
            let record = message.into_record(channel);
            self.inspection.messages.push(record);
        }
        for activity in seen.activities {
            if !self.room.take(activity.bytes()) {
                return Ok(false);
            }
            self.last = Some(Place::Activity {
                execution: activity.key.execution,
                activity_id: activity.key.activity_id,
            });
            let record = activity.into_record("inspect")?;
            self.inspection.activities.push(record);
        }
        Ok(true)
    }
}

impl RedisProvider {
    /// An instance with a page of what it has (ADM-07, ADM-08).
    pub(crate) async fn inspection(
        &self,
        request: &Inspect,
    ) -> Result<Option<Inspection>, ProviderError> {
        const OPERATION: &str = "inspect";
        let place = request.after.as_ref();
        let place = place.map(|it| Place::of(it, OPERATION)).transpose()?;
        let room = Room::new(request.items_max, request.bytes_max);
        let room = room.with_bodies(request.with_bodies);
        let mut look = InstanceLook {
            instance: &request.instance,
            number: None,
            message: None,
            activity: None,
            items: room.items() + 1,
            with_bodies: request.with_bodies,
        };
        if let Some(place) = &place {
            look.go_on(place);
        }
        let partition = self.setup.partitions.of(&request.instance);
        let mut seen: SeenInstance = self.look(OPERATION, partition, Look::Inspect(look)).await?;
        if !seen.is_there {
            return Ok(None);
        }
        let (number, mut inspection) = begun(&mut seen, &request.instance)?;
        if !request.with_bodies {
            inspection.record.head.output = None;
        }
        let mut page = Filling {
            inspection,
            room,
            last: None,
        };
        loop {
            let is_all = seen.is_all;
            let has_room = page.take(seen)?;
            if !has_room {
                page.inspection.next = page.last.as_ref().map(Place::cursor);
            }
            if is_all || !has_room {
                return Ok(Some(page.inspection));
            }
            let mut look = InstanceLook {
                instance: &request.instance,
                number: Some(number),
                message: None,
                activity: None,
                // One more tells whether there is more.
                items: page.room.items() + 1,
                with_bodies: request.with_bodies,
            };
            if let Some(place) = page.last.as_ref().or(place.as_ref()) {
                look.go_on(place);
            }
            seen = self.look(OPERATION, partition, Look::Inspect(look)).await?;
            if !seen.is_there {
                // What was left of it has gone with it.
                return Ok(Some(page.inspection));
            }
        }
    }
}

/// The number of an instance, and the page of it that is to be filled.
fn begun(
    seen: &mut SeenInstance,
    instance: &InstanceId,
) -> Result<(Number, Inspection), ProviderError> {
    const OPERATION: &str = "inspect";
    let head = StoredHead::read(OPERATION, &seen.head)?;
    let is_held = head.held_until_ms > seen.now;
    let standing = Standing {
        claimable_from_ms: head.ready_at_ms,
        held_until_ms: is_held.then_some(head.held_until_ms),
        is_leased: is_held && head.token.is_some(),
        attempts: head.attempts,
    };
    let number = head.number;
    let mut head = head.into_head(OPERATION, instance.clone(), seen.output.take())?;
    head.note = seen.note.take();
    let record = InstanceRecord {
        head,
        labels: labels(OPERATION, seen.labels.as_ref())?,
    };
    let inspection = Inspection {
        record,
        standing,
        messages: Vec::new(),
        activities: Vec::new(),
        next: None,
    };
    Ok((number, inspection))
}

/// The labels of an instance, from what is stored if it has any.
pub(crate) fn labels(
    operation: &'static str,
    stored: Option<&Bytes>,
) -> Result<Labels, ProviderError> {
    let Some(stored) = stored else {
        return Ok(Labels::new());
    };
    let stored: Vec<(String, String)> =
        codec::decode(stored).map_err(|cause| error::corrupt(operation, cause))?;
    Ok(stored.into_iter().collect())
}
