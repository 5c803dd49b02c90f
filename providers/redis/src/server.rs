//! What kind of server it is, and what it keeps.

use std::collections::HashMap;
use std::sync::Arc;

use duroxide_core::providers::{Durability, ProviderError};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};

use crate::connection::Connected;
use crate::error::{self, Failure};
use crate::warning::Warning;

/// The oldest version of Redis whose scripts can say what they do.
const VERSION_MIN: (u32, u32) = (7, 0);

/// What a server is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it has everything itself.
    Single,
    Cluster,
}

/// What was found of a server, or of all of a Cluster.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Its name and its version.
    pub(crate) version: String,
    pub(crate) kind: Kind,
    name: Arc<str>,
    /// The primary, if this is a replica.
    follows: Option<String>,
    /// What an acknowledged commit survives.
    pub(crate) durability: Durability,
    /// What is to be logged of it.
    pub(crate) warnings: Vec<Warning>,
}

impl Server {
    /// Looks whether a server will do, and what it keeps.
    pub(crate) async fn inspect(connected: &mut Connected) -> Result<Self, ProviderError> {
        let connection = &mut connected.connection;
        let info: RedisResult<String> = cmd("INFO")
            .arg("server")
            .arg("replication")
            .arg("memory")
            .arg("persistence")
            .query_async(connection)
            .await;
        let name = &connected.node.name;
        let info = info.map_err(|cause| Failure::of_call(cause, name).error("open", false))?;
        let info = Info::of(&info);
        let checked = info.check();
        checked.map_err(|error| error.with_context("server", name))?;
        let mut warnings = Vec::new();
        let server = Arc::clone(name);
        let durability = match (info.get("aof_enabled"), settings(connection).await) {
            ("1", Ok(settings)) => durability_of(&settings),
            ("1", Err(cause)) => {
                let cause = cause.to_string();
                warnings.push(Warning::SettingsNotTold { server, cause });
                Durability::ProcessCrash
            }
            _ => {
                warnings.push(Warning::NoAppendOnlyFile { server });
                Durability::Volatile
            }
        };
        Ok(Self {
            version: info.version(),
            kind: info.kind(),
            name: Arc::clone(name),
            follows: info.primary(),
            durability,
            warnings,
        })
    }

    /// A single server is written to, or it is of no use. One of a Cluster knows whom to write to.
    pub(crate) fn check_is_primary(&self) -> Result<(), ProviderError> {
        if let Some(primary) = &self.follows {
            let error = error::config(
                "the server is a replica, which cannot be written to; connect to the primary",
            );
            let error = error.with_context("server", &self.name);
            return Err(error.with_context("primary", primary));
        }
        Ok(())
    }

    /// What sentinels name is the primary of no Cluster, or is about to be one.
    pub(crate) fn check_is_named_primary(&self) -> Result<(), ProviderError> {
        if self.kind == Kind::Cluster {
            return Err(error::config(
                "the sentinels name a server of a Cluster, which watches over itself; connect to it by redis://",
            ));
        }
        if let Some(primary) = &self.follows {
            let message =
                "the sentinels name a server that is a replica; a failover is under way, try again";
            let error = ProviderError::retryable("open", message);
            let error = error.with_context("server", &self.name);
            return Err(error.with_context("primary", primary));
        }
        Ok(())
    }

    /// What can be said of both: that which keeps less counts, and what is to be logged of either is.
    pub(crate) fn weaker(mut self, mut other: Self) -> Self {
        if other.durability < self.durability {
            std::mem::swap(&mut self, &mut other);
        }
        self.warnings.append(&mut other.warnings);
        self
    }
}

/// The settings that decide what is kept.
async fn settings(connection: &mut MultiplexedConnection) -> RedisResult<HashMap<String, String>> {
    cmd("CONFIG")
        .arg("GET")
        .arg("appendfsync")
        .arg("no-appendfsync-on-rewrite")
        .query_async(connection)
        .await
}

/// What an acknowledged commit survives, by the settings of the append-only file, if there is one.
fn durability_of(settings: &HashMap<String, String>) -> Durability {
    let is = |name: &str, value| settings.get(name).is_some_and(|it| it == value);
    if is("appendfsync", "always") && is("no-appendfsync-on-rewrite", "no") {
        Durability::PowerLoss
    } else {
        // The end of the client takes nothing. That of the server may take what it had not written yet.
        Durability::ProcessCrash
    }
}

/// What `INFO` says, line by line.
struct Info(HashMap<String, String>);

impl Info {
    fn of(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        Self(
            lines
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The server that it follows, if it is a replica.
    fn primary(&self) -> Option<String> {
        let is_replica = self.get("role") == "slave";
        let (host, port) = (self.get("master_host"), self.get("master_port"));
        // An address of IPv6 has colons of its own.
        is_replica.then(|| {
            if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            }
        })
    }

    fn version(&self) -> String {
        match self.get("valkey_version") {
            "" => format!("Redis {}", self.get("redis_version")),
            version => format!("Valkey {version}"),
        }
    }

    fn check(&self) -> Result<(), ProviderError> {
        let found = self.get("redis_version");
        let mut parts = found.split('.').map(|part| part.parse().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if version < VERSION_MIN {
            let message = "the server is too old; Redis 7.0 or newer, or Valkey, is needed";
            return Err(error::config(message).with_context("version", found));
        }
        // A server that evicts keys when its memory is full loses instances without a word. Keys of this
        // provider have no time to live, so that only the policies for all keys reach them.
        let policy = self.get("maxmemory_policy");
        if policy.starts_with("allkeys-") {
            let message = "the server evicts keys when its memory is full, and with them instances; set \
                           `maxmemory-policy noeviction`";
            return Err(error::config(message).with_context("maxmemory-policy", policy));
        }
        Ok(())
    }

    fn kind(&self) -> Kind {
        if self.get("redis_mode") == "cluster" {
            Kind::Cluster
        } else {
            Kind::Single
        }
    }
}
