//! Looking at one instance, or at one queue of activities.

use bytes::Bytes;
use duroxide_core::providers::page::{Place, Room};
use duroxide_core::providers::{
    ActivityKey, ActivityPage, ActivityRecord, Inspect, Inspection, ListActivities, MessageRecord,
    PageCursor, ProviderError, Standing,
};

use crate::activities::Activity;
use crate::defect::Defect;
use crate::inbox::Slot;
use crate::state::{Instance, State};

impl State {
    /// An instance with a page of what it has (ADM-07, ADM-08).
    pub(crate) fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        let after = request.after.as_ref();
        let place = after.map(|it| Place::of(it, "inspect")).transpose()?;
        let Some(instance) = self.instances.get(&request.instance) else {
            return Ok(None);
        };
        let mut inspection = Inspection {
            record: instance.record_with_note(request.with_bodies),
            standing: self.standing(instance),
            messages: Vec::new(),
            activities: Vec::new(),
            next: None,
        };
        let (message, activity) = match place {
            None => (None, None),
            Some(Place::Message {
                channel,
                due_at_ms: at_ms,
                arrival,
            }) => (Some((channel, Slot { at_ms, arrival })), None),
            Some(Place::Activity {
                execution,
                activity_id,
            }) => (None, Some((execution, activity_id))),
        };
        let with_bodies = request.with_bodies;
        let mut room = Room::new(request.items_max, request.bytes_max).with_bodies(with_bodies);
        let mut last = None;
        let messages = instance.inbox.behind(message.as_ref());
        for (slot, message) in messages.take_while(|_| activity.is_none()) {
            if !room.take(message.body.len()) {
                inspection.next = last.as_ref().map(Place::cursor);
                return Ok(Some(inspection));
            }
            last = Some(Place::Message {
                channel: message.channel.clone(),
                due_at_ms: slot.at_ms,
                arrival: slot.arrival,
            });
            let record = MessageRecord::of(message, slot.at_ms, with_bodies);
            inspection.messages.push(record);
        }
        let (id, life) = (&instance.head.instance, instance.head.incarnation);
        for (key, it) in self
            .activities
            .behind(id, life, activity.unwrap_or_default())
        {
            if !room.take(self.room_of(it)) {
                inspection.next = last.as_ref().map(Place::cursor);
                break;
            }
            last = Some(Place::Activity {
                execution: key.execution,
                activity_id: key.activity_id,
            });
            let record = self.activity_record(key, it, with_bodies);
            inspection.activities.push(record);
        }
        Ok(Some(inspection))
    }

    fn standing(&self, instance: &Instance) -> Standing {
        let hold = instance.hold;
        Standing {
            claimable_from_ms: instance.claimable_from_ms(),
            held_until_ms: Some(hold.until_ms).filter(|until_ms| *until_ms > self.now_ms),
            is_leased: hold.holder(self.now_ms).is_some(),
            attempts: instance.attempts,
        }
    }

    /// The room that an activity takes in a page: its body, and how far it is.
    fn room_of(&self, activity: &Activity) -> usize {
        let details = activity.details.as_ref();
        let details = details.filter(|_| !self.has(Defect::DetailsTakeNoRoom));
        activity.body.len() + details.map_or(0, Bytes::len)
    }

    fn activity_record(
        &self,
        key: &ActivityKey,
        activity: &Activity,
        with_body: bool,
    ) -> ActivityRecord {
        ActivityRecord {
            key: key.clone(),
            queue: activity.queue.clone(),
            attempts: activity.attempts,
            claimable_from_ms: activity.hold.until_ms,
            is_leased: activity.hold.holder(self.now_ms).is_some(),
            body_bytes: activity.body.len(),
            body: with_body.then(|| activity.body.clone()),
            details_bytes: activity.details.as_ref().map_or(0, Bytes::len),
            details: activity.details.clone().filter(|_| with_body),
        }
    }

    /// A page of the activities of a queue (ADM-09).
    pub(crate) fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        let after = request.after.as_ref();
        let place: Option<(u64, u64)> = after.map(|it| it.place("list_activities")).transpose()?;
        let place = place.map(|(at_ms, arrival)| Slot { at_ms, arrival });
        let mut page = ActivityPage::default();
        let room = Room::new(request.activities_max, request.bytes_max);
        let mut room = room.with_bodies(request.with_bodies);
        let mut last = None;
        for (slot, key) in self.activities.queues().behind(&request.queue, place) {
            let Some(activity) = self.activities.get(key) else {
                continue;
            };
            if !room.take(self.room_of(activity)) {
                page.next = last.as_ref().map(PageCursor::of);
                break;
            }
            last = Some((slot.at_ms, slot.arrival));
            let record = self.activity_record(key, activity, request.with_bodies);
            page.activities.push(record);
        }
        Ok(page)
    }
}
