//! A Redis server, and keys on it with a prefix of their own.

use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisResult, cmd};
use async_trait::async_trait;
use duroxide::providers::Provider;
use duroxide::providers::redis::{RedisOptions, RedisProvider};

use super::{Counts, Failure, Server};

/// How many keys are looked at in one step of the removal.
const SCAN_KEYS: usize = 1_000;
/// What the server counts of each command begins with its name. A script is called by one of these.
const SCRIPT_CALLS: [&str; 2] = ["cmdstat_evalsha:", "cmdstat_eval:"];

struct RedisServer {
    url: String,
    prefix: String,
    beside: MultiplexedConnection,
}

pub(super) async fn find(url: String, prefix: String) -> Result<Box<dyn Server>, Failure> {
    let client = Client::open(url.as_str())?;
    // A server that is busy with a removal answers late.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let beside = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok(Box::new(RedisServer {
        url,
        prefix,
        beside,
    }))
}

#[async_trait]
impl Server for RedisServer {
    fn url(&self) -> &str {
        &self.url
    }

    fn place(&self) -> &str {
        &self.prefix
    }

    /// The scripts that were called; what a script does is not counted.
    async fn counts(&self) -> Result<Counts, Failure> {
        let mut beside = self.beside.clone();
        let mut info = cmd("INFO");
        let info: String = info.arg("commandstats").query_async(&mut beside).await?;
        let of_scripts = info
            .lines()
            .filter(|line| SCRIPT_CALLS.iter().any(|it| line.starts_with(it)));
        let calls = of_scripts.filter_map(|line| {
            let (_, figures) = line.split_once("calls=")?;
            figures.split(',').next()?.parse::<u64>().ok()
        });
        Ok(Counts {
            statements: calls.sum(),
            durable_commits: None,
        })
    }

    async fn remove(self: Box<Self>) {
        // Keys that are left behind do no harm.
        unlink(self.beside, &self.prefix).await.ok();
    }
}

async fn unlink(mut beside: MultiplexedConnection, prefix: &str) -> RedisResult<()> {
    let mut cursor = 0;
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}:{{*"));
        scan.arg("COUNT").arg(SCAN_KEYS);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut beside).await?;
        if !keys.is_empty() {
            let _count: i64 = cmd("UNLINK").arg(keys).query_async(&mut beside).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

pub(super) async fn open(url: &str, prefix: &str) -> Result<Arc<dyn Provider>, Failure> {
    let options = RedisOptions::default().key_prefix(prefix);
    Ok(Arc::new(RedisProvider::new(url, Some(options)).await?))
}
