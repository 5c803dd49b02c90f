//! Claims of turns and of activities.

use std::sync::Arc;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    ActivityLease, Channel, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Delivery,
    Incarnation, LeaseToken, Message, MessageId, ProviderError, TaskQueue, Topic, Turn, TurnLease,
    check,
};
use serde::{Deserialize, Serialize};

use crate::activity;
use crate::codec;
use crate::codes::{ActivityId, Id, Number, millis};
use crate::error;
use crate::head::StoredHead;
use crate::hub::{Due, Dues};
use crate::lane::Lane;
use crate::provider::RedisProvider;
use crate::script::Script;

/// How many items a claim takes at most: a token is sent for each, and the server does nothing else
/// meanwhile. `more` says that there are others.
const ITEMS_MAX: usize = 1_000;

#[derive(Serialize)]
struct Request<'a> {
    turns: Option<TurnsRequest<'a>>,
    activities: Option<ActivitiesRequest<'a>>,
}

#[derive(Serialize)]
struct TurnsRequest<'a> {
    only: Option<&'a str>,
    queues: Vec<&'a str>,
    max: usize,
    messages_max: usize,
    bytes_max: usize,
    total_max: usize,
    lease: u64,
    tokens: Bytes,
}

#[derive(Serialize)]
struct ActivitiesRequest<'a> {
    queues: Vec<&'a str>,
    max: usize,
    total_max: usize,
    lease: u64,
    tokens: Bytes,
}

#[derive(Deserialize)]
struct Answer {
    now: u64,
    seq: u64,
    #[serde(default)]
    turns: Vec<TurnAnswer>,
    #[serde(default)]
    more_turns: bool,
    #[serde(default)]
    activities: Vec<ActivityAnswer>,
    #[serde(default)]
    more_activities: bool,
    turns_due: Vec<Due>,
    activities_due: Vec<Due>,
    /// What cannot be claimed, by its name or its place, and why.
    #[serde(default)]
    damaged: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct TurnAnswer {
    instance: String,
    head: Bytes,
    #[serde(default)]
    output: Option<Bytes>,
    messages: Vec<(Id, Bytes)>,
    has_mail: bool,
}

#[derive(Deserialize)]
struct ActivityAnswer {
    instance: String,
    life: Id,
    key: ActivityId,
    token: Id,
    queue: Arc<str>,
    attempt: u32,
    body: Bytes,
    #[serde(default)]
    details: Option<Bytes>,
}

/// A message, as it lies in an inbox.
#[derive(Deserialize)]
pub(crate) struct StoredMessage {
    #[serde(rename = "c")]
    channel: String,
    #[serde(rename = "d")]
    pub(crate) due_at_ms: u64,
    #[serde(rename = "x", default)]
    execution: Option<Number>,
    #[serde(rename = "b")]
    body: Bytes,
}

impl StoredMessage {
    pub(crate) fn read(operation: &'static str, bytes: &[u8]) -> Result<Self, ProviderError> {
        codec::decode(bytes).map_err(|cause| error::corrupt(operation, cause))
    }

    pub(crate) fn into_message(self, id: Id) -> Message {
        Message {
            id: MessageId(id.0),
            channel: channel_of(&self.channel),
            execution: self.execution.map(|it| it.0),
            body: self.body,
        }
    }
}

/// The channel that keys name so.
pub(crate) fn channel_of(code: &str) -> Channel {
    match code.strip_prefix('t') {
        Some(topic) => Channel::Topic(Topic::from(topic)),
        None if code == "c" => Channel::Control,
        None => Channel::System,
    }
}

/// An item, if it can be understood. One that cannot must not keep the others from their claimer.
fn understood<T>(item: Result<T, ProviderError>) -> Option<T> {
    item.inspect_err(|error| {
        tracing::error!(
            target: "duroxide::redis",
            error = %error,
            "an item was claimed that cannot be understood; it is left alone until its lease ends"
        );
    })
    .ok()
}

/// Each queue once: one that is named twice has its items once.
fn distinct(queues: &[TaskQueue]) -> Vec<&str> {
    let mut names: Vec<&str> = queues.iter().map(TaskQueue::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A fresh token for each item, one behind another (LEA-02).
fn tokens(count: usize) -> Bytes {
    let tokens = (0..count).map(|_| Entropy.lease_token().0.into_bytes());
    tokens.flatten().collect()
}

impl RedisProvider {
    pub(crate) async fn claim_turns_of(
        &self,
        request: &ClaimTurns,
    ) -> Result<Claimed<Turn>, ProviderError> {
        const OPERATION: &str = "claim_turns";
        check::claim_queues(OPERATION, &request.queues)?;
        self.setup.hub.claim(&request.queues);
        let max = request.turns_max.min(ITEMS_MAX);
        let turns = TurnsRequest {
            only: request.only.as_ref().map(|id| id.as_str()),
            queues: distinct(&request.queues),
            max,
            messages_max: request.messages_max,
            bytes_max: request.bytes_max,
            total_max: request.total_bytes_max,
            lease: millis(request.lease),
            tokens: tokens(max),
        };
        let answer = self.claim(OPERATION, Some(turns), None).await?;
        let items = answer.turns.into_iter().map(TurnAnswer::understood);
        Ok(Claimed {
            items: items.filter_map(understood).collect(),
            more: answer.more_turns,
        })
    }

    pub(crate) async fn claim_activities_of(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        const OPERATION: &str = "claim_activities";
        check::claim_queues(OPERATION, &request.queues)?;
        let max = request.activities_max.min(ITEMS_MAX);
        let activities = ActivitiesRequest {
            queues: distinct(&request.queues),
            max,
            total_max: request.total_bytes_max,
            lease: millis(request.lease),
            tokens: tokens(max),
        };
        let answer = self.claim(OPERATION, None, Some(activities)).await?;
        let items = answer.activities.into_iter();
        let items = items.map(ActivityAnswer::understood);
        Ok(Claimed {
            items: items.filter_map(understood).collect(),
            more: answer.more_activities,
        })
    }

    async fn claim(
        &self,
        operation: &'static str,
        turns: Option<TurnsRequest<'_>>,
        activities: Option<ActivitiesRequest<'_>>,
    ) -> Result<Answer, ProviderError> {
        let request = Request { turns, activities };
        let partition = self.setup.partitions.first();
        let call = self
            .setup
            .call(partition, Lane::Claims, Script::Claim, &request);
        let answer = call.await;
        let mut answer: Answer = answer.map_err(|failure| failure.error(operation, false))?;
        for (item, why) in &answer.damaged {
            tracing::error!(
                target: "duroxide::redis",
                item,
                why,
                "what is stored of it cannot be claimed and is left alone for a minute; delete the \
                 instance, or restore it from a backup"
            );
        }
        let dues = Dues {
            at_ms: answer.now,
            sequence: answer.seq,
            turns: std::mem::take(&mut answer.turns_due),
            activities: std::mem::take(&mut answer.activities_due),
        };
        self.setup.hub.learn(partition.index, dues);
        Ok(answer)
    }
}

impl TurnAnswer {
    fn understood(self) -> Result<Turn, ProviderError> {
        const OPERATION: &str = "claim_turns";
        let instance = error::stored_id(OPERATION, self.instance)?;
        let stored = StoredHead::read(OPERATION, &self.head)?;
        let attempt = stored.attempts;
        let token = stored
            .token
            .ok_or_else(|| error::corrupt(OPERATION, "a claimed head has no token"))?;
        let mut messages = Vec::with_capacity(self.messages.len());
        for (id, bytes) in self.messages {
            let stored = StoredMessage::read(OPERATION, &bytes)?;
            messages.push(Delivery {
                due_at_ms: stored.due_at_ms,
                message: stored.into_message(id),
            });
        }
        Ok(Turn {
            lease: TurnLease {
                instance: instance.clone(),
                token: LeaseToken(token.0),
            },
            head: stored.into_head(OPERATION, instance, self.output)?,
            attempt,
            messages,
            has_mail: self.has_mail,
        })
    }
}

impl ActivityAnswer {
    fn understood(self) -> Result<ClaimedActivity, ProviderError> {
        let instance = error::stored_id("claim_activities", self.instance)?;
        let life = Incarnation(self.life.0);
        let lease: ActivityLease = activity::lease_of(&instance, life, self.key, self.token);
        Ok(ClaimedActivity {
            lease,
            queue: TaskQueue(self.queue),
            attempt: self.attempt,
            body: self.body,
            details: self.details,
        })
    }
}
