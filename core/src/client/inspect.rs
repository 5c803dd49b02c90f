//! Looking at one instance: what it has, and what it waits for.

use super::check;
use super::client::Client;
use super::error::ClientError;
use super::info::InstanceInfo;
use super::manage::record_info;
use crate::message::{ActivityBody, ActivityDetails, MessageBody};
use crate::providers::{
    ActivityRecord, Channel, Inspect, ListActivities, MessageRecord, PageCursor, Standing, Topic,
    refusal,
};

/// An instance with a page of what waits for it and of what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedInstance {
    /// The instance.
    pub info: InstanceInfo,
    /// When it was looked at, in milliseconds since the Unix epoch, by this client's clock.
    pub looked_at: u64,
    /// What keeps it from going on, if it is suspended or a node has said so; or why it was not rewound.
    pub blocked: Option<String>,
    /// The names of the events that it waits for.
    pub awaited_events: Vec<String>,
    /// From when on a runtime goes on with it, in milliseconds since the Unix epoch, by the store's
    /// clock: a time that has passed if it only waits for a free runtime, `None` while nothing wakes it.
    pub claimable_from: Option<u64>,
    /// Until when a runtime holds it, or has put it off; `None` if neither.
    pub held_until: Option<u64>,
    /// Whether a runtime works on it.
    pub is_at_work: bool,
    /// How often a runtime has begun since the last commit. More than one says that turns do not end.
    pub attempts: u32,
    /// The messages that wait for it, due or not.
    pub messages: Vec<InspectedMessage>,
    /// Its activities that have not ended.
    pub activities: Vec<InspectedActivity>,
    /// Where the next page begins ([`Client::inspect_after`]); `None` if this is the last one.
    pub next: Option<PageCursor>,
}

/// A message that waits for an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedMessage {
    /// What it is, for example `a timer`; `unreadable` if this version does not know it.
    pub kind: String,
    /// The name of the event, if it is one.
    pub event: Option<String>,
    /// When it is due, or was, in milliseconds since the Unix epoch.
    pub due_at: u64,
    /// The bytes of its body.
    pub bytes: usize,
}

/// An activity that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedActivity {
    /// The instance that has scheduled it.
    pub instance_id: String,
    /// The execution that has scheduled it, and by which event.
    pub execution_id: u64,
    /// The id of that event.
    pub event_id: u64,
    /// Its name; empty if this version cannot read it.
    pub name: String,
    /// The queue it is in: only runtimes with slots for that queue run it.
    pub queue: String,
    /// How often it was begun.
    pub attempts: u32,
    /// Whether a runtime runs it.
    pub is_running: bool,
    /// From when on a runtime may begin it, in milliseconds since the Unix epoch: the end of the lease
    /// of whoever runs it, which is renewed, or a time that has passed if it waits for a free slot.
    pub claimable_from: u64,
    /// The bytes of its body.
    pub bytes: usize,
    /// How far it is: what it has said last with
    /// [`heartbeat_with`](crate::ActivityContext::heartbeat_with); `None` if it has said nothing, or if this
    /// version cannot read it.
    pub details: Option<String>,
}

/// A page of the activities of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityList {
    /// The activities, the first to be begun first.
    pub activities: Vec<InspectedActivity>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<PageCursor>,
}

impl InspectedInstance {
    /// Why the instance waits, as far as this page tells, in sentences; none if it has ended, unless it is to
    /// go on.
    #[must_use]
    pub fn why(&self) -> Vec<String> {
        let mut why: Vec<String> = Vec::new();
        why.extend(self.blocked.clone());
        if self.is_at_work {
            why.push(format!(
                "a runtime works on it, for the {}. time",
                self.attempts
            ));
        } else if self.held_until.is_some() {
            why.push("a runtime has put it off for a while".to_owned());
        } else if self.claimable_from.is_some() {
            why.extend(self.next_message());
        }
        for activity in &self.activities {
            let InspectedActivity {
                name,
                queue,
                attempts,
                is_running,
                ..
            } = activity;
            why.push(if *is_running {
                format!("the activity {name:?} runs, for the {attempts}. time")
            } else {
                format!("the activity {name:?} waits for a slot of the queue {queue:?}")
            });
        }
        let events = self.awaited_events.iter();
        why.extend(events.map(|name| format!("it waits for the event {name:?}")));
        why
    }

    /// What lets it go on: what is due already, or else what is due first.
    fn next_message(&self) -> Option<String> {
        let messages = self.messages.iter().filter(|it| it.event.is_none());
        let next = messages.min_by_key(|it| it.due_at)?;
        let (kind, queue) = (&next.kind, &self.info.queue);
        Some(match next.due_at.checked_sub(self.looked_at) {
            Some(ms) if ms > 0 => format!("it waits for {kind}, due in {} s", ms.div_ceil(1_000)),
            _ => format!("{kind} waits for a runtime that serves the queue {queue:?}"),
        })
    }
}

impl Client {
    /// Looks at an instance: what it waits for, the messages that wait for it, and its activities. The
    /// first page, of up to 1,000 messages and activities.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance; `InvalidInput` for a bad id.
    pub async fn inspect(&self, instance: &str) -> Result<InspectedInstance, ClientError> {
        self.inspect_page(instance, None).await
    }

    /// The next page of an instance, behind [`InspectedInstance::next`].
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    pub async fn inspect_after(
        &self,
        instance: &str,
        cursor: PageCursor,
    ) -> Result<InspectedInstance, ClientError> {
        self.inspect_page(instance, Some(cursor)).await
    }

    /// A page of the activities of a queue, of all instances, the first to be begun first. `after` is
    /// [`ActivityList::next`] of the page before.
    ///
    /// # Errors
    /// `InvalidInput` for a bad name of a queue; `Provider` if the store fails.
    pub async fn list_activities(
        &self,
        queue: &str,
        after: Option<PageCursor>,
    ) -> Result<ActivityList, ClientError> {
        let request = ListActivities {
            after,
            with_bodies: true,
            ..ListActivities::new(check::queue(queue)?)
        };
        let page = self.admin().list_activities(&request).await?;
        Ok(ActivityList {
            activities: page.activities.iter().map(activity).collect(),
            next: page.next,
        })
    }

    async fn inspect_page(
        &self,
        instance: &str,
        after: Option<PageCursor>,
    ) -> Result<InspectedInstance, ClientError> {
        let id = check::instance_id(instance)?;
        let request = Inspect {
            after,
            with_bodies: true,
            ..Inspect::new(id)
        };
        let inspected = self.admin().inspect(&request).await?;
        let inspected =
            inspected.ok_or_else(|| refusal::not_found("inspect", &request.instance))?;
        let Standing {
            claimable_from_ms,
            held_until_ms,
            is_leased,
            attempts,
        } = inspected.standing;
        let head = &inspected.record.head;
        let awaited = head.awaited.iter().map(Topic::as_str);
        Ok(InspectedInstance {
            blocked: match head.status.is_terminal() {
                true => Self::not_rewound_reason(head),
                false => self.blocked_reason(head),
            },
            awaited_events: awaited.map(str::to_owned).collect(),
            info: record_info(inspected.record)?,
            looked_at: self.clock.now_ms(),
            claimable_from: claimable_from_ms,
            held_until: held_until_ms,
            is_at_work: is_leased,
            attempts,
            messages: inspected.messages.iter().map(message).collect(),
            activities: inspected.activities.iter().map(activity).collect(),
            next: inspected.next,
        })
    }
}

fn message(record: &MessageRecord) -> InspectedMessage {
    let body = record
        .body
        .as_ref()
        .and_then(|it| MessageBody::decode(it).ok());
    let event = match &record.channel {
        Channel::Topic(topic) => Some(topic.as_str().to_owned()),
        Channel::Control | Channel::System => None,
    };
    InspectedMessage {
        kind: body.map_or("unreadable", |it| it.name()).to_owned(),
        event,
        due_at: record.due_at_ms,
        bytes: record.body_bytes,
    }
}

fn activity(record: &ActivityRecord) -> InspectedActivity {
    let body = record
        .body
        .as_ref()
        .and_then(|it| ActivityBody::decode(it).ok());
    let details = record
        .details
        .as_ref()
        .and_then(|it| ActivityDetails::decode(it).ok());
    InspectedActivity {
        instance_id: record.key.instance.as_str().to_owned(),
        execution_id: record.key.execution,
        event_id: record.key.activity_id,
        name: body.map_or_else(String::new, |it| it.name),
        queue: record.queue.as_str().to_owned(),
        attempts: record.attempts,
        is_running: record.is_leased,
        claimable_from: record.claimable_from_ms,
        bytes: record.body_bytes,
        details: details.and_then(|it| it.progress),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, head};
    use super::*;
    use crate::providers::{
        ActivityKey, ErrorKind, Incarnation, InstanceHead, InstanceId, InstanceStatus,
    };

    fn activity(name: &str, is_running: bool) -> InspectedActivity {
        InspectedActivity {
            instance_id: "a".to_owned(),
            execution_id: 1,
            event_id: 2,
            name: name.to_owned(),
            queue: "gpu".to_owned(),
            attempts: u32::from(is_running),
            is_running,
            claimable_from: 0,
            bytes: 0,
            details: None,
        }
    }

    #[test]
    fn an_activity_shows_what_it_has_said_last() {
        let said = ActivityDetails {
            progress: Some("half of it".to_owned()),
            ..ActivityDetails::default()
        };
        for (details, shown) in [
            (None, None),
            (Some(said.encode()), Some("half of it")),
            (Some(ActivityDetails::default().encode()), None),
            (Some("no details".into()), None),
        ] {
            let record = ActivityRecord {
                key: ActivityKey {
                    instance: InstanceId::new("a").unwrap(),
                    incarnation: Incarnation(uuid::Uuid::nil()),
                    execution: 1,
                    activity_id: 2,
                },
                queue: "gpu".into(),
                attempts: 1,
                claimable_from_ms: 7,
                is_leased: true,
                body_bytes: 3,
                body: None,
                details_bytes: details.as_ref().map_or(0, bytes::Bytes::len),
                details,
            };
            assert_eq!(super::activity(&record).details.as_deref(), shown);
        }
    }

    #[tokio::test]
    async fn what_an_instance_waits_for_is_said_in_sentences() {
        let fake = Fake::default();
        fake.put(InstanceHead {
            awaited: vec![Topic::from("Approved")],
            ..head("a", InstanceStatus::Running, None)
        });
        let client = fake.client();
        let mut seen = client.inspect("a").await.unwrap();
        assert_eq!(seen.why(), ["it waits for the event \"Approved\""]);
        seen.activities = vec![activity("Charge", true), activity("Render", false)];
        seen.blocked = Some("no node has its code".to_owned());
        seen.held_until = Some(1);
        let expected = [
            "no node has its code",
            "a runtime has put it off for a while",
            "the activity \"Charge\" runs, for the 1. time",
            "the activity \"Render\" waits for a slot of the queue \"gpu\"",
            "it waits for the event \"Approved\"",
        ];
        assert_eq!(seen.why(), expected);
        seen.blocked = None;
        seen.held_until = None;
        seen.awaited_events.clear();
        seen.activities.clear();
        assert!(seen.why().is_empty());
        let timer = InspectedMessage {
            kind: "a timer".to_owned(),
            event: None,
            due_at: seen.looked_at + 1_001,
            bytes: 1,
        };
        seen.claimable_from = Some(timer.due_at);
        seen.messages = vec![timer];
        assert_eq!(seen.why(), ["it waits for a timer, due in 2 s"]);
        seen.looked_at += 1_001;
        let due = "a timer waits for a runtime that serves the queue \"default\"";
        assert_eq!(seen.why(), [due]);
        let absent = client.inspect("b").await.unwrap_err();
        assert!(matches!(absent, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
    }
}
