//! Looking: lists of instances, one instance, the activities of a queue.
//!
//! Each page looks through all there is, which a provider with an index need not do.

use bytes::Bytes;
use duroxide::limits::PAGE_ROWS_MAX;
use duroxide::providers::page::{Place, Room};
use duroxide::providers::{
    ActivityKey, ActivityPage, ActivityRecord, ErrorKind, Incarnation, Inspect, Inspection,
    InstanceFilter, InstanceId, InstancePage, InstanceRecord, ListActivities, ListOrder,
    MessageRecord, PageCursor, ProviderError, Standing, check,
};

use crate::agenda::Slot;
use crate::state::{Activity, Instance, State};

impl Instance {
    /// The same with the note, which only those are shown who look at this one (NOT-02).
    fn record_with_note(&self, with_output: bool) -> InstanceRecord {
        let mut record = self.record(with_output);
        record.head.note = self.head_and_note().note;
        record
    }

    fn record(&self, with_output: bool) -> InstanceRecord {
        let mut head = self.head.clone();
        head.output = head.output.filter(|_| with_output);
        InstanceRecord {
            head,
            labels: self.labels.clone(),
        }
    }

    fn standing(&self, now_ms: u64) -> Standing {
        Standing {
            claimable_from_ms: self.claimable_from_ms(),
            held_until_ms: Some(self.hold.until_ms).filter(|until_ms| *until_ms > now_ms),
            is_leased: self.hold.holder(now_ms).is_some(),
            attempts: self.hold.attempts,
        }
    }
}

impl Activity {
    /// The room that it takes in a page: its body, and how far it is.
    fn bytes(&self) -> usize {
        self.body.len() + self.details.as_ref().map_or(0, Bytes::len)
    }

    fn record(&self, key: &ActivityKey, now_ms: u64, with_body: bool) -> ActivityRecord {
        ActivityRecord {
            key: key.clone(),
            queue: self.queue.clone(),
            attempts: self.hold.attempts,
            claimable_from_ms: self.hold.until_ms,
            is_leased: self.hold.holder(now_ms).is_some(),
            body_bytes: self.body.len(),
            body: with_body.then(|| self.body.clone()),
            details_bytes: self.details.as_ref().map_or(0, Bytes::len),
            details: self.details.clone().filter(|_| with_body),
        }
    }
}

impl State {
    /// A page of the instances that meet a filter (ADM-01, ADM-04 to ADM-06).
    pub(crate) fn list_instances(
        &self,
        filter: &InstanceFilter,
    ) -> Result<InstancePage, ProviderError> {
        const OPERATION: &str = "list_instances";
        if !filter.labels.is_empty() {
            let message = "this provider does not filter by labels; look at those of each instance";
            return Err(ProviderError::new(
                ErrorKind::Unsupported,
                OPERATION,
                message,
            ));
        }
        // By age, and by id where that is equal: a place that never changes.
        let place = |it: &Instance| (it.head.created_at_ms, it.head.instance.clone());
        let after = filter.after.as_ref();
        let after: Option<(u64, InstanceId)> = after.map(|it| it.place(OPERATION)).transpose()?;
        let is_behind = |it: &&Instance| match (&after, filter.order) {
            (None, _) => true,
            (Some((_, id)), ListOrder::ById) => it.head.instance > *id,
            (Some(after), ListOrder::NewestFirst) => place(it) < *after,
        };
        let may_be = |it: &&Instance| {
            let head = &it.head;
            let parent = head.parent.as_ref().map(|parent| &parent.instance);
            head.instance.starts_with(&*filter.id_prefix)
                && (filter.parent.is_none() || filter.parent.as_ref() == parent)
        };
        let instances = self.instances.values().filter(is_behind);
        let mut instances: Vec<&Instance> = instances.filter(may_be).collect();
        if filter.order == ListOrder::NewestFirst {
            instances.sort_by_key(|it| std::cmp::Reverse(place(it)));
        }
        let mut page = InstancePage::default();
        let instances_max = check::page_rows(filter.instances_max);
        let mut last = None;
        for (looked_at, instance) in instances.into_iter().enumerate() {
            if looked_at == PAGE_ROWS_MAX || page.instances.len() == instances_max {
                page.next = last.map(|it| PageCursor::of(&place(it)));
                break;
            }
            last = Some(instance);
            if filter.is_met_by(&instance.head, &instance.labels) {
                page.instances.push(instance.record(filter.with_outputs));
            }
        }
        Ok(page)
    }

    /// An instance with a page of what it has (ADM-07, ADM-08).
    pub(crate) fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        let after = request.after.as_ref();
        let after = after.map(|it| Place::of(it, "inspect")).transpose()?;
        let Some(instance) = self.instances.get(&request.instance) else {
            return Ok(None);
        };
        let mut inspection = Inspection {
            record: instance.record_with_note(request.with_bodies),
            standing: instance.standing(self.now_ms),
            messages: Vec::new(),
            activities: Vec::new(),
            next: None,
        };
        let with_bodies = request.with_bodies;
        let mut room = Room::new(request.items_max, request.bytes_max).with_bodies(with_bodies);
        let mut last = None;
        let behind = match &after {
            Some(Place::Message {
                channel,
                due_at_ms: at_ms,
                arrival,
            }) => Some((
                channel.clone(),
                Slot {
                    at_ms: *at_ms,
                    arrival: *arrival,
                },
            )),
            Some(Place::Activity { .. }) | None => None,
        };
        let is_among_activities = matches!(after, Some(Place::Activity { .. }));
        let messages = instance.inbox.behind(behind.as_ref());
        for (slot, message) in messages.filter(|_| !is_among_activities) {
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
        let life = instance.head.incarnation;
        for (key, activity) in self.activities_behind(&request.instance, life, after.as_ref()) {
            if !room.take(activity.bytes()) {
                inspection.next = last.as_ref().map(Place::cursor);
                break;
            }
            last = Some(Place::Activity {
                execution: key.execution,
                activity_id: key.activity_id,
            });
            let record = activity.record(key, self.now_ms, with_bodies);
            inspection.activities.push(record);
        }
        Ok(Some(inspection))
    }

    fn activities_behind(
        &self,
        instance: &InstanceId,
        incarnation: Incarnation,
        after: Option<&Place>,
    ) -> impl Iterator<Item = (&ActivityKey, &Activity)> {
        let (execution, activity_id) = match after {
            Some(Place::Activity {
                execution,
                activity_id,
            }) => (*execution, *activity_id),
            Some(Place::Message { .. }) | None => (0, 0),
        };
        let key = |execution, activity_id| ActivityKey {
            instance: instance.clone(),
            incarnation,
            execution,
            activity_id,
        };
        let last = key(u64::MAX, u64::MAX);
        let behind = self.activities.range(key(execution, activity_id)..=last);
        behind.filter(move |(it, _)| (it.execution, it.activity_id) > (execution, activity_id))
    }

    /// A page of the activities of a queue (ADM-09).
    pub(crate) fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        let after = request.after.as_ref();
        let after: Option<(u64, u64)> = after.map(|it| it.place("list_activities")).transpose()?;
        let mut page = ActivityPage::default();
        let room = Room::new(request.activities_max, request.bytes_max);
        let mut room = room.with_bodies(request.with_bodies);
        let mut last = None;
        let queues = self.queues.agendas();
        let queue = queues.filter(|(name, _)| **name == request.queue);
        for (slot, key) in queue.flat_map(|(_, agenda)| agenda.iter()) {
            let place = (slot.at_ms, slot.arrival);
            let Some(activity) = self.activities.get(key).filter(|_| Some(place) > after) else {
                continue;
            };
            if !room.take(activity.bytes()) {
                page.next = last.as_ref().map(PageCursor::of);
                break;
            }
            last = Some(place);
            let record = activity.record(key, self.now_ms, request.with_bodies);
            page.activities.push(record);
        }
        Ok(page)
    }
}
