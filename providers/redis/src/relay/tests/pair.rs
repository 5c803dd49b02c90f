//! Two partitions, and a relay between them whose steps a test takes one by one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::clock::ManualClock;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{Commit, Limits};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, cmd};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::private_server::PrivateServer;
use crate::codec;
use crate::codes::Id;
use crate::message::EnvelopeRequest;
use crate::relay::place::{Link, Place};
use crate::relay::wire::{
    AskAnswer, AskRequest, Asked, Batch, DeliverAnswer, DeliverRequest, Delivered, Delivery,
    Ghosts, Seen, Start, TakeAnswer, TakeRequest, Taken,
};
use crate::script::{Script, Scripts, TimeSource};
use crate::server::Kind;
use crate::turn::{self, TurnRequest};
use crate::{RedisOptions, RedisProvider};

/// The partition that sends.
pub(super) const SOURCE: usize = 0;
/// The partition that receives.
pub(super) const TARGET: usize = 1;
/// How long what was written may still be lost.
pub(super) const WINDOW_MS: u64 = 60_000;
const PREFIX: &str = "relay";
/// A time like those of today.
const BEGINNING_MS: u64 = 1_767_571_200_000;
/// Within which time a server answers, however busy the machine is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// More links than any test has.
const ALL_LINKS: u64 = 1 << 20;
/// More calls than any relay takes.
const CALLS_MAX: usize = 100;

/// Two partitions of a store on a server of their own.
pub(super) struct Pair {
    /// Ends when this is dropped.
    server: PrivateServer,
    /// The time of the providers on it.
    clock: ManualClock,
    connection: MultiplexedConnection,
    scripts: Scripts,
    now_ms: u64,
    /// From where the relay brings messages, and where.
    way: (usize, usize),
}

/// What a relay has done.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) applied: u64,
    pub(super) dropped: usize,
    pub(super) deliveries: usize,
    pub(super) starts: Vec<Start>,
    pub(super) ghosts: Vec<Ghosts>,
}

/// What a test looks at in a head.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "n")]
    pub(super) number: String,
    #[serde(rename = "st")]
    pub(super) status: String,
    #[serde(rename = "mi", default)]
    held: Vec<Held>,
    /// What it is as a ghost.
    #[serde(rename = "gh", default)]
    pub(super) ghost: Option<String>,
    #[serde(rename = "cc", default)]
    pub(super) control_count: u64,
}

/// A message in a head: its channel, due time, number, id, body and execution.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Held(
    String,
    u64,
    String,
    Bytes,
    Bytes,
    #[serde(default)] Option<String>,
);

#[derive(Deserialize)]
struct StoredMessage {
    #[serde(rename = "b")]
    body: Bytes,
    #[serde(rename = "d")]
    due_ms: u64,
}

#[derive(Serialize)]
struct Commits<'a> {
    node: Id,
    bell: &'a str,
    limits: BTreeMap<&'static str, usize>,
    changed: Vec<&'a str>,
    operations: Vec<Operation<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Operation<'a> {
    Turn(Box<TurnRequest<'a>>),
    Send(Box<EnvelopeRequest<'a>>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Committed {
    pub(super) answers: Vec<Member>,
    /// To which partition, behind which place, and each entry's member, place in it and link.
    pub(super) sent: Vec<(usize, Place, Vec<SentEntry>)>,
}

pub(super) type SentEntry = (usize, usize, Link);
/// The base, the last place, what is settled and what will be, since when, and the lost link.
type StoredLog = (Place, Place, Place, Place, u64, Link);

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    /// Why it was refused.
    pub(super) no: Option<String>,
    pub(super) dropped: usize,
}

pub(super) fn tag(part: usize) -> String {
    crate::partition::key_tag(PREFIX, part, 2)
}

impl Pair {
    pub(super) async fn new() -> Self {
        let server = PrivateServer::start(&[]).await;
        let client = Client::open(server.url()).unwrap();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let connection = connection.await.unwrap();
        let mut pair = Self {
            server,
            clock: ManualClock::at_ms(BEGINNING_MS),
            connection,
            scripts: Scripts::new(TimeSource::Test, Kind::Single, 2),
            now_ms: BEGINNING_MS,
            way: (SOURCE, TARGET),
        };
        pair.elapse(0).await;
        pair
    }

    pub(super) async fn ask_server<T: FromRedisValue>(&mut self, words: &[&[u8]]) -> T {
        let mut command = cmd(std::str::from_utf8(words[0]).unwrap());
        for word in &words[1..] {
            command.arg(word);
        }
        let answer = command.query_async(&mut self.connection).await;
        answer.unwrap_or_else(|error| panic!("{}: {error}", words[0].escape_ascii()))
    }

    /// Lets time pass in both.
    pub(super) async fn elapse(&mut self, millis: u64) {
        self.now_ms += millis;
        for part in [SOURCE, TARGET] {
            let (key, now) = (tag(part) + "test_clock", self.now_ms.to_string());
            self.ask_server::<()>(&[b"SET", key.as_bytes(), now.as_bytes()])
                .await;
        }
        self.clock.set_ms(self.now_ms);
    }

    /// A process on the same store.
    pub(super) async fn provider(&self) -> RedisProvider {
        let options = RedisOptions::default()
            .key_prefix(PREFIX)
            .partitions(2)
            .clock(Arc::new(self.clock.clone()))
            .test_clock();
        let opened = RedisProvider::new(&self.server.url(), Some(options)).await;
        opened.unwrap()
    }

    async fn call<A: DeserializeOwned>(
        &mut self,
        part: usize,
        script: Script,
        request: &(impl Serialize + Sync),
    ) -> A {
        let argument = codec::encode(request).unwrap();
        let (text, tag) = (self.scripts.text(script).to_owned(), tag(part));
        let words = [b"EVAL", text.as_bytes(), b"1", tag.as_bytes(), &argument];
        let answer: Vec<u8> = self.ask_server(&words).await;
        codec::decode(&answer).unwrap()
    }

    /// Commits turns and a client's messages in one script. What turns send to others goes to the other
    /// partition, but for what they send to `here`.
    pub(super) async fn commit_all(
        &mut self,
        part: usize,
        operations: &[Commit],
        here: &[&str],
    ) -> Committed {
        let limits = Limits::default();
        let newborns: Vec<_> = operations
            .iter()
            .map(|operation| match operation {
                Commit::Turn(turn) => turn::newborn(turn),
                Commit::Send(_) | Commit::Activity(_) => None,
            })
            .collect();
        let members = operations.iter().zip(&newborns);
        let members = members.filter_map(|(operation, newborn)| match operation {
            Commit::Turn(turn) => {
                let (mut request, _) = TurnRequest::of(turn, newborn.as_ref(), &limits);
                request.route(|to| (!here.contains(&to)).then_some(1 - part));
                Some(Operation::Turn(Box::new(request)))
            }
            Commit::Send(envelope) => {
                Some(Operation::Send(Box::new(EnvelopeRequest::of(envelope))))
            }
            Commit::Activity(_) => None,
        });
        let names = ["topic", "mail", "control", "values", "values_bytes"];
        let request = Commits {
            node: Id(Entropy.lease_token().0),
            bell: "bell",
            limits: names.map(|name| (name, 1_000_000)).into_iter().collect(),
            changed: Vec::new(),
            operations: members.collect(),
        };
        self.call(part, Script::Commit, &request).await
    }

    /// Commits an operation that must succeed.
    pub(super) async fn commit(&mut self, part: usize, operation: Commit) -> Committed {
        let committed = self.commit_all(part, &[operation], &[]).await;
        assert_eq!(committed.answers[0].no, None);
        committed
    }

    pub(super) async fn ask(&mut self) -> Seen {
        self.ask_links(0).await
    }

    pub(super) async fn ask_links(&mut self, links: u64) -> Seen {
        let request = AskRequest {
            ask: vec![Asked {
                source: self.way.0,
                links,
            }],
            window: WINDOW_MS,
            survey: None,
        };
        let mut answer: AskAnswer = self.call(self.way.1, Script::Relay, &request).await;
        answer.seen.remove(0)
    }

    pub(super) async fn take(&mut self, seen: &Seen) -> Batch {
        let request = TakeRequest {
            take: vec![Taken::of(self.way.1, seen)],
            window: WINDOW_MS,
        };
        let mut answer: TakeAnswer = self.call(self.way.0, Script::Relay, &request).await;
        answer.batches.remove(0)
    }

    pub(super) async fn deliver(&mut self, seen: &Seen, batch: &Batch) -> Delivered {
        let request = DeliverRequest {
            node: Id(Entropy.lease_token().0),
            bell: "bell",
            taken: BTreeMap::new(),
            window: WINDOW_MS,
            deliver: Delivery::of(self.way.0, seen.position(), batch),
        };
        let mut answer: DeliverAnswer = self.call(self.way.1, Script::Deliver, &request).await;
        answer.answers.remove(0)
    }

    /// Runs a relay to its end.
    pub(super) async fn relay(&mut self) -> Report {
        let seen = self.ask().await;
        self.relay_from(seen).await
    }

    /// Runs a relay the other way round.
    pub(super) async fn relay_back(&mut self) -> Report {
        self.way = (TARGET, SOURCE);
        let report = self.relay().await;
        self.way = (SOURCE, TARGET);
        report
    }

    /// Runs a relay to its end that knows this already.
    pub(super) async fn relay_from(&mut self, mut seen: Seen) -> Report {
        let mut report = Report::default();
        for _ in 0..CALLS_MAX {
            let batch = self.take(&seen).await;
            if batch.start == Start::Unknown {
                seen = self.ask_links(ALL_LINKS).await;
                continue;
            }
            let is_last = batch.start == Start::Here && batch.entries.is_empty();
            let delivered = self.deliver(&seen, &batch).await;
            if is_last {
                return report;
            }
            report.deliveries += 1;
            report.applied += delivered.applied;
            report.dropped += delivered.dropped.len();
            report.starts.push(batch.start);
            report.ghosts.push(delivered.ghosts);
            seen = delivered.seen;
        }
        panic!("the relay comes to no end: {report:?}");
    }

    pub(super) async fn head(&mut self, part: usize, instance: &str) -> Option<Head> {
        let key = format!("{}i:{instance}", tag(part));
        let stored: Option<Vec<u8>> = self.ask_server(&[b"GET", key.as_bytes()]).await;
        stored.map(|stored| rmp_serde::from_slice(&stored).unwrap())
    }

    /// What an instance's messages of the system's say, in order, and when they are due.
    pub(super) async fn inbox(&mut self, part: usize, instance: &str) -> Vec<(String, u64)> {
        let Some(head) = self.head(part, instance).await else {
            return Vec::new();
        };
        let mut held: Vec<_> = head.held.iter().filter(|it| it.0 == "s").collect();
        held.sort_by_key(|it| (it.1, &it.2));
        if !held.is_empty() {
            let say = |Held(_, due_ms, _, _, body, _): &Held| {
                let body = String::from_utf8(body.to_vec()).unwrap();
                (body, due_ms.saturating_sub(self.now_ms))
            };
            return held.into_iter().map(say).collect();
        }
        let own = format!("{}n{}:", tag(part), head.number);
        let (channel, messages) = (format!("{own}s"), format!("{own}m"));
        let members: Vec<Vec<u8>> = self
            .ask_server(&[b"ZRANGE", channel.as_bytes(), b"0", b"-1"])
            .await;
        let mut inbox = Vec::new();
        for member in members {
            let id = &member[16..32];
            let stored: Vec<u8> = self.ask_server(&[b"HGET", messages.as_bytes(), id]).await;
            let message: StoredMessage = rmp_serde::from_slice(&stored).unwrap();
            let body = String::from_utf8(message.body.to_vec()).unwrap();
            inbox.push((body, message.due_ms - self.now_ms.min(message.due_ms)));
        }
        inbox
    }

    /// What an instance's messages of the system's say, in order.
    pub(super) async fn said(&mut self, part: usize, instance: &str) -> Vec<String> {
        let inbox = self.inbox(part, instance).await.into_iter();
        inbox.map(|(body, _)| body).collect()
    }

    /// The links behind the base of the source or of the target, as they are stored.
    pub(super) async fn links(&mut self, part: usize) -> Vec<Vec<u8>> {
        let kind = if part == SOURCE { "o" } else { "t" };
        let key = format!("{}{kind}:{}", tag(part), 1 - part);
        let elements: Vec<Vec<u8>> = self
            .ask_server(&[b"LRANGE", key.as_bytes(), b"0", b"-1"])
            .await;
        elements.iter().map(|it| it[..8].to_vec()).collect()
    }

    /// Fails unless both have the same links, as far as both still have them.
    pub(super) async fn must_agree(&mut self) {
        let (sent, taken) = (self.links(SOURCE).await, self.links(TARGET).await);
        let count = sent.len().min(taken.len());
        assert_eq!(sent[sent.len() - count..], taken[taken.len() - count..]);
        let seen = self.ask().await;
        let batch = self.take(&seen).await;
        assert_eq!(batch.start, Start::Here);
        assert_eq!(self.last().await, seen.position().place);
    }

    /// The last place of the source.
    pub(super) async fn last(&mut self) -> Place {
        let (source, target) = (tag(self.way.0) + "out", self.way.1.to_string());
        let words = [b"HGET", source.as_bytes(), target.as_bytes()];
        let stored: Option<Vec<u8>> = self.ask_server(&words).await;
        let read = |stored: Vec<u8>| rmp_serde::from_slice::<StoredLog>(&stored).unwrap();
        stored.map(read).map_or_else(Place::default, |log| log.1)
    }
}
