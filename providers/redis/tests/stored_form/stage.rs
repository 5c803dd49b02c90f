//! A server with one store, whose time the test moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use duroxide_core::providers::Provider;
use duroxide_provider_tests::{Fixture as _, Store, TestClock};
use duroxide_redis::conformance::RedisFixture;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, cmd};

use super::file::{Content, Hex, StoreFile};
use crate::private_server::PrivateServer;

/// What is no part of a store: who is alive, and the time that the test moves.
const LEFT_OUT: [&str; 2] = ["nodes", "test_clock"];

pub(crate) struct Stage {
    store: Box<dyn Store>,
    connection: MultiplexedConnection,
    /// What the keys of the store begin with.
    tag: String,
    _server: PrivateServer,
}

impl Stage {
    /// An empty store.
    pub(crate) async fn new() -> Self {
        let server = PrivateServer::start(&[]).await;
        let fixture = RedisFixture::single().at(&server.url());
        let store = fixture.create().await.unwrap();
        let keys: Vec<String> = server.command("KEYS *:test_clock").await;
        let tag = keys[0].strip_suffix("test_clock").unwrap().to_owned();
        Self {
            store,
            connection: server.connection().await,
            tag,
            _server: server,
        }
    }

    pub(crate) async fn open(&self) -> Arc<dyn Provider> {
        self.store.connect().await.unwrap()
    }

    pub(crate) fn clock(&self) -> &dyn TestClock {
        self.store.clock()
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> T {
        let answer = command.query_async(&mut self.connection.clone()).await;
        answer.unwrap()
    }

    /// The ends of the keys that there are.
    pub(crate) async fn names(&self) -> BTreeSet<String> {
        let pattern = format!("{}*", self.tag);
        let keys: Vec<String> = self.run(cmd("KEYS").arg(pattern)).await;
        let names = keys.iter().map(|it| it.strip_prefix(&*self.tag).unwrap());
        let names = names.filter(|it| !LEFT_OUT.contains(it));
        names.map(str::to_owned).collect()
    }

    pub(crate) async fn dump(&self) -> StoreFile {
        let mut keys = BTreeMap::new();
        for name in self.names().await {
            let content = self.content(&format!("{}{name}", self.tag)).await;
            keys.insert(name, content);
        }
        StoreFile { keys }
    }

    async fn content(&self, key: &str) -> Content {
        let kind: String = self.run(cmd("TYPE").arg(key)).await;
        match kind.as_str() {
            "string" => Content::String(Hex(self.run(cmd("GET").arg(key)).await)),
            "list" => {
                let items: Vec<Vec<u8>> = self.run(cmd("LRANGE").arg(key).arg(0).arg(-1)).await;
                Content::List(items.into_iter().map(Hex).collect())
            }
            "hash" => {
                let fields: Vec<(Vec<u8>, Vec<u8>)> = self.run(cmd("HGETALL").arg(key)).await;
                let fields = fields.into_iter();
                Content::Hash(fields.map(|(key, it)| (Hex(key), Hex(it))).collect())
            }
            "zset" => {
                let mut range = cmd("ZRANGE");
                range.arg(key).arg(0).arg(-1).arg("WITHSCORES");
                let members: Vec<(Vec<u8>, String)> = self.run(&range).await;
                let members = members.into_iter();
                let scored = |(member, score): (_, String)| (Hex(member), score.parse().unwrap());
                Content::SortedSet(members.map(scored).collect())
            }
            "set" => {
                let members: Vec<Vec<u8>> = self.run(cmd("SMEMBERS").arg(key)).await;
                Content::Set(members.into_iter().map(Hex).collect())
            }
            _ => panic!("{key} is a {kind}"),
        }
    }

    /// Puts everything there that a file has.
    pub(crate) async fn load(&self, file: &StoreFile) {
        for (name, content) in &file.keys {
            let key = format!("{}{name}", self.tag);
            let mut put;
            match content {
                Content::String(bytes) => {
                    put = cmd("SET");
                    put.arg(key).arg(&bytes.0);
                }
                Content::List(items) => {
                    put = cmd("RPUSH");
                    put.arg(key);
                    for item in items {
                        put.arg(&item.0);
                    }
                }
                Content::Hash(fields) => {
                    put = cmd("HSET");
                    put.arg(key);
                    for (field, it) in fields {
                        put.arg(&field.0).arg(&it.0);
                    }
                }
                Content::SortedSet(members) => {
                    put = cmd("ZADD");
                    put.arg(key);
                    for (member, score) in members {
                        put.arg(*score).arg(&member.0);
                    }
                }
                Content::Set(members) => {
                    put = cmd("SADD");
                    put.arg(key);
                    for member in members {
                        put.arg(&member.0);
                    }
                }
            }
            let _answer: redis::Value = self.run(&put).await;
        }
    }
}
