//! The keys of one store on a server or a Cluster.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock, millis_ceil};
use duroxide_core::providers::ProviderError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, RedisResult, cmd};

use crate::RedisOptions;
use crate::access::Access;
use crate::error::{self, Failure};
use crate::location::Node;
use crate::partition::{key_tag, pattern};
use crate::topology::Topology;
use crate::{opening, slot};

/// How many keys are looked at in one step of a removal.
const SCAN_KEYS: usize = 1_000;
/// The name of the suite's own connections.
const OWN_CLIENTS: &str = "duroxide-suite";
/// How long the server may take to see that its clients are gone.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to tell what it counts.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// The keys of one store.
#[derive(Clone)]
pub(super) struct Place {
    prefix: Arc<str>,
    access: Arc<Access>,
    partitions: usize,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The access may hold a password.
        f.debug_tuple("Place").field(&self.prefix()).finish()
    }
}

impl Place {
    /// A store at a server or a Cluster, with so many partitions.
    pub(super) fn new(url: &str, prefix: &str, partitions: usize) -> Result<Self, ProviderError> {
        // Not under the name of the store, whose connections are ended.
        let options = RedisOptions::default().key_prefix(OWN_CLIENTS);
        let access = Access::new(url, options.partitions(partitions))?;
        Ok(Self {
            prefix: prefix.into(),
            access: Arc::new(access),
            partitions,
        })
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How a provider opens it.
    pub(super) fn options(&self) -> RedisOptions {
        let options = RedisOptions::default().key_prefix(self.prefix());
        options.partitions(self.partitions)
    }

    /// The key of this name in each partition, and a connection to where the partition is.
    pub(super) async fn each(
        &self,
        name: &str,
    ) -> Result<Vec<(String, MultiplexedConnection)>, ProviderError> {
        let topology = self.topology().await?;
        let mut there: Vec<(Node, MultiplexedConnection)> = Vec::new();
        let mut each = Vec::new();
        for index in 0..self.partitions {
            let key = key_tag(self.prefix(), index, self.partitions) + name;
            let node = topology.primary(&self.access, slot::of(&key)).await;
            let node = node.map_err(of_suite)?;
            let known = there.iter().find(|(it, _)| *it == node);
            let connection = match known {
                Some((_, connection)) => connection.clone(),
                None => self.connect(&node).await?,
            };
            there.push((node, connection.clone()));
            each.push((key, connection));
        }
        Ok(each)
    }

    /// A connection to each server that is written to.
    pub(super) async fn primaries(&self) -> Result<Vec<MultiplexedConnection>, ProviderError> {
        let mut connections = Vec::new();
        for node in self.topology().await?.primaries() {
            let client = self.access.location.client(&node, None).map_err(failed)?;
            // A server that is busy answers late.
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWERS_WITHIN));
            let connected = client.get_multiplexed_async_connection_with_config(&config);
            connections.push(connected.await.map_err(failed)?);
        }
        Ok(connections)
    }

    async fn connect(&self, node: &Node) -> Result<MultiplexedConnection, ProviderError> {
        let client = self.access.location.client(node, None).map_err(failed)?;
        client
            .get_multiplexed_async_connection()
            .await
            .map_err(failed)
    }

    async fn topology(&self) -> Result<Topology, ProviderError> {
        opening::topology(&self.access).await
    }

    /// Whether the servers are those of a Cluster.
    pub(super) async fn is_on_cluster(&self) -> Result<bool, ProviderError> {
        Ok(self.topology().await?.is_cluster())
    }

    /// Removes every key of the store, after what still writes to it was ended.
    pub(super) async fn remove(&self) -> Result<(), ProviderError> {
        self.end_clients().await?;
        for node in self.topology().await?.primaries() {
            let mut connection = self.connect(&node).await?;
            unlink(&mut connection, self.prefix())
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Ends what the servers still do for handles on the store, and waits until they have.
    pub(super) async fn end_clients(&self) -> Result<(), ProviderError> {
        for node in self.topology().await?.nodes() {
            self.end_clients_of(&node).await?;
        }
        Ok(())
    }

    async fn end_clients_of(&self, node: &Node) -> Result<(), ProviderError> {
        let mut connection = self.connect(node).await?;
        let deadline = SystemClock.now_ms() + millis_ceil(GONE_WITHIN);
        loop {
            let left = kill_clients(&mut connection, self.prefix()).await;
            if left.map_err(failed)? == 0 {
                return Ok(());
            }
            if SystemClock.now_ms() > deadline {
                return Err(error::config(
                    "handles on the store are not ended; see who else works on this prefix",
                ));
            }
            SystemClock.sleep(Duration::from_millis(1)).await;
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` calls it")]
fn of_suite(failure: Failure) -> ProviderError {
    failure.error("conformance", false)
}

pub(super) fn failed(cause: RedisError) -> ProviderError {
    of_suite(Failure::connect(cause, &"the suite's".into()))
}

/// Gives a provider's connection the name of its store, by which the server tells it from those of others.
pub(crate) async fn name(mut connection: MultiplexedConnection, prefix: &str) {
    let mut name = cmd("CLIENT");
    name.arg("SETNAME").arg(client_name(prefix));
    let named: RedisResult<()> = name.query_async(&mut connection).await;
    // A user that may not do this is one that a test has made, and it shows by other calls what it may.
    named.ok();
}

/// The name of the connections of a store. The server takes none with a space.
fn client_name(prefix: &str) -> String {
    let letters = prefix.chars();
    let letters = letters.map(|it| if it.is_ascii_graphic() { it } else { '_' });
    letters.collect()
}

/// Cuts the connections to the store with this prefix, and answers how many there were.
async fn kill_clients(connection: &mut MultiplexedConnection, prefix: &str) -> RedisResult<usize> {
    let list: String = cmd("CLIENT").arg("LIST").query_async(connection).await?;
    let name = format!("name={}", client_name(prefix));
    let mut count = 0;
    for client in list.lines() {
        let mut fields = client.split(' ');
        let id = fields.find_map(|field| field.strip_prefix("id="));
        if let Some(id) = id.filter(|_| fields.any(|field| field == name)) {
            count += 1;
            let mut kill = cmd("CLIENT");
            kill.arg("KILL").arg("ID").arg(id);
            let _killed: i64 = kill.query_async(connection).await?;
        }
    }
    Ok(count)
}

async fn unlink(connection: &mut MultiplexedConnection, prefix: &str) -> RedisResult<()> {
    let pattern = pattern(prefix);
    let mut cursor = 0;
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&pattern);
        scan.arg("COUNT").arg(SCAN_KEYS);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
        if !keys.is_empty() {
            // One by one: those of a Cluster are in several slots.
            let mut removal = redis::pipe();
            for key in keys {
                removal.cmd("UNLINK").arg(key).ignore();
            }
            let () = removal.query_async(connection).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_does_not_show_the_password() {
        let place = Place::new("redis://user:hunter2@host", "store", 1).unwrap();
        assert_eq!(format!("{place:?}"), r#"Place("store")"#);
    }
}
