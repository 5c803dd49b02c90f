//! What is in a store, past the provider, and whether its parts agree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_redis::{RedisOptions, RedisProvider};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::private_server::PrivateServer;

/// What the keys of a store begin with.
const TAG: &str = "{duroxide:0}:";
/// How many hexadecimal digits a number has.
const DIGITS: usize = 16;

/// A part of the head of an instance.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Head {
    #[serde(rename = "n")]
    pub(crate) number: String,
    #[serde(rename = "q")]
    queue: String,
    #[serde(rename = "st")]
    pub(crate) status: String,
    #[serde(rename = "ex")]
    execution: String,
    #[serde(rename = "ev")]
    next_event: String,
    #[serde(rename = "ra", default)]
    ready_at_ms: Option<f64>,
    #[serde(rename = "ro", default)]
    ready_order: Option<String>,
    #[serde(rename = "cc", default)]
    control_count: usize,
    #[serde(rename = "sc", default)]
    system_count: usize,
    #[serde(rename = "mc", default)]
    mail_count: usize,
    #[serde(rename = "mi", default)]
    held: Vec<Held>,
    /// When the current execution began.
    #[serde(rename = "es", default)]
    begun_at_ms: Option<f64>,
    /// When it ended.
    #[serde(rename = "ee", default)]
    ended_at_ms: Option<f64>,
}

/// A message in a head, of which the channel comes first.
#[derive(Debug, Clone, Deserialize)]
struct Held(
    String,
    IgnoredAny,
    IgnoredAny,
    IgnoredAny,
    IgnoredAny,
    #[serde(default)] IgnoredAny,
);

/// A part of an activity.
#[derive(Debug, Deserialize)]
struct Activity {
    #[serde(rename = "q")]
    queue: String,
    #[serde(rename = "i")]
    instance: String,
    #[serde(rename = "ro")]
    order: String,
}

/// A chunk of a history.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) first: u64,
    next: u64,
    pub(crate) body: Vec<u8>,
}

/// An instance with what belongs to it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) head: Head,
    /// Of the current execution.
    pub(crate) history: Vec<Chunk>,
    pub(crate) messages: usize,
    pub(crate) activities: usize,
}

/// A look into a store.
pub(crate) struct Look(MultiplexedConnection);

impl Look {
    pub(crate) async fn at(server: &PrivateServer) -> Self {
        Self(server.connection().await)
    }

    async fn ask<T: FromRedisValue>(&mut self, name: &str, key: &str, rest: &[&str]) -> T {
        let mut command = Cmd::new();
        command.arg(name).arg(format!("{TAG}{key}")).arg(rest);
        let answer = command.query_async(&mut self.0).await;
        answer.unwrap_or_else(|error| panic!("{name} {key}: {error}"))
    }

    /// Everything there is, by instance. It fails where the parts of the store do not agree.
    pub(crate) async fn everything(&mut self) -> BTreeMap<String, Stored> {
        let ids: Vec<String> = self.ask("ZRANGE", "ids", &["0", "-1"]).await;
        let mut keys: Vec<String> = self.ask("KEYS", "*", &[]).await;
        let with_head = keys
            .iter()
            .filter(|key| key.starts_with(&format!("{TAG}i:")));
        assert_eq!(with_head.count(), ids.len(), "{ids:?}");
        let (mut all, mut ready, mut queued) = (BTreeMap::new(), 0, 0);
        for id in ids {
            let stored = self.instance(&id).await.unwrap();
            ready += usize::from(stored.head.ready_at_ms.is_some());
            queued += stored.activities;
            let own = format!("{TAG}n{}:", stored.head.number);
            keys.retain(|key| !key.starts_with(&own));
            all.insert(id, stored);
        }
        // Nothing is left of anybody who is not there.
        keys.retain(|key| key.starts_with(&format!("{TAG}n0")));
        assert!(keys.is_empty(), "{keys:?}");
        assert_eq!(
            self.members("tq", "r").await,
            ready,
            "instances that are ready"
        );
        assert_eq!(
            self.members("aq", "a").await,
            queued,
            "activities in queues"
        );
        all
    }

    /// How many members the queues of this kind have.
    async fn members(&mut self, names: &str, kind: &str) -> usize {
        let queues: Vec<String> = self.ask("SMEMBERS", names, &[]).await;
        let mut members = 0;
        for queue in queues {
            members += self
                .ask::<usize>("ZCARD", &format!("{kind}:{queue}"), &[])
                .await;
        }
        members
    }

    /// An instance, whose parts must agree.
    pub(crate) async fn instance(&mut self, id: &str) -> Option<Stored> {
        let stored: Option<Vec<u8>> = self.ask("GET", &format!("i:{id}"), &[]).await;
        let head: Head = decode(&stored?);
        let own = format!("n{}:", head.number);
        let beside: usize = self.ask("HLEN", &format!("{own}m"), &[]).await;
        let messages = beside + head.held.len();
        let counted = head.control_count + head.system_count + head.mail_count;
        assert_eq!(messages, counted, "messages of {id}");
        let system: usize = self.ask("ZCARD", &format!("{own}s"), &[]).await;
        let held = head.held.iter().filter(|it| it.0 == "s").count();
        assert_eq!(system + held, head.system_count, "{id}");
        assert!(system == 0 || head.held.is_empty(), "{id}");
        let place = head
            .ready_order
            .as_ref()
            .map(|order| format!("{order}{id}"));
        let score: Option<f64> = match place {
            Some(place) => {
                self.ask("ZSCORE", &format!("r:{}", head.queue), &[&place])
                    .await
            }
            None => None,
        };
        assert_eq!(score, head.ready_at_ms, "{id}: {head:?}");
        let activities = self.activities(id, &head, &own).await;
        let history = self.history(&head, &own).await;
        let expected = history.last().map_or(1, |chunk| chunk.next);
        assert_eq!(number(&head.next_event), expected, "{id}: {head:?}");
        let has_ended = ["C", "F"].contains(&&*head.status);
        assert_eq!(head.begun_at_ms.is_some(), !history.is_empty(), "{id}");
        assert_eq!(head.ended_at_ms.is_some(), has_ended, "{id}");
        // Of the current one the head tells.
        let execution = [&*head.execution];
        let is_filed: bool = self.ask("HEXISTS", &format!("{own}e"), &execution).await;
        assert!(!is_filed, "{id}");
        Some(Stored {
            head,
            history,
            messages,
            activities,
        })
    }

    async fn history(&mut self, head: &Head, own: &str) -> Vec<Chunk> {
        let key = format!("{own}h{}", head.execution);
        let stored: Vec<Vec<u8>> = self.ask("LRANGE", &key, &["0", "-1"]).await;
        let (mut chunks, mut next) = (Vec::new(), 1);
        for bytes in stored {
            let (place, body) = bytes.split_at(2 * DIGITS);
            let (first, behind) = place.split_at(DIGITS);
            let chunk = Chunk {
                first: number(std::str::from_utf8(first).unwrap()),
                next: number(std::str::from_utf8(behind).unwrap()),
                body: body.to_vec(),
            };
            assert_eq!(chunk.first, next, "{chunks:?}");
            next = chunk.next;
            chunks.push(chunk);
        }
        chunks
    }

    /// How many activities an instance has, each of them in its queue.
    async fn activities(&mut self, id: &str, head: &Head, own: &str) -> usize {
        let keys: Vec<String> = self.ask("ZRANGE", &format!("{own}x"), &["0", "-1"]).await;
        let all: BTreeMap<String, Vec<u8>> = self.ask("HGETALL", &format!("{own}w"), &[]).await;
        let states = all.keys().filter(|key| key.len() == 2 * DIGITS);
        assert_eq!(states.count(), keys.len(), "activities of {id}");
        for key in &keys {
            let activity: Activity = decode(&all[key]);
            assert_eq!(activity.instance, id);
            assert!(all.contains_key(&format!("b{key}")), "the body of {key}");
            let member = format!("{}{}{key}", activity.order, head.number);
            let queue = format!("a:{}", activity.queue);
            let score: Option<f64> = self.ask("ZSCORE", &queue, &[&member]).await;
            assert!(score.is_some(), "{activity:?} is in no queue");
        }
        keys.len()
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> T {
    let read = rmp_serde::from_slice(bytes);
    read.unwrap_or_else(|error| {
        let whole = rmp_serde::from_slice::<IgnoredAny>(bytes).is_ok();
        panic!("{error} (a whole value: {whole})")
    })
}

fn number(digits: &str) -> u64 {
    assert_eq!(digits.len(), DIGITS);
    u64::from_str_radix(digits, 16).unwrap()
}

/// Options with time-outs so short that a server that is gone is given up soon.
pub(crate) fn options() -> RedisOptions {
    RedisOptions::default()
        .connect_timeout(Duration::from_secs(2))
        .answer_timeout(Duration::from_secs(2))
}

pub(crate) async fn open(url: &str) -> Arc<RedisProvider> {
    let opened = RedisProvider::new(url, Some(options())).await;
    Arc::new(opened.unwrap())
}

/// Milliseconds of the machine's clock.
pub(crate) fn now_ms() -> u64 {
    SystemClock.now_ms()
}

pub(crate) async fn sleep(duration: Duration) {
    SystemClock.sleep(duration).await;
}
