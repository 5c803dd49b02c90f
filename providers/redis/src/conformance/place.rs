//! The keys of one store on a server.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock, millis_ceil};
use duroxide_core::providers::ProviderError;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult, cmd};

use crate::RedisOptions;
use crate::error::{self, Failure};
use crate::location::Location;

/// How many keys are looked at in one step of a removal.
const SCAN_KEYS: usize = 1_000;
/// How long the server may take to see that its clients are gone.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// The keys of one store on a server.
#[derive(Clone)]
pub(super) struct Place {
    location: Location,
    prefix: String,
    partitions: usize,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The location may hold a password.
        f.debug_tuple("Place").field(&self.prefix).finish()
    }
}

impl Place {
    pub(super) fn new(url: &str, prefix: &str, partitions: usize) -> Result<Self, ProviderError> {
        Ok(Self {
            location: Location::new(url, &RedisOptions::default())?,
            prefix: prefix.to_owned(),
            partitions,
        })
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn partitions(&self) -> usize {
        self.partitions
    }

    /// The keys of this name in each partition.
    pub(super) fn keys(&self, name: &str) -> Vec<String> {
        let each = 0..self.partitions;
        each.map(|index| format!("{{{}:{index}}}:{name}", self.prefix))
            .collect()
    }

    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, ProviderError> {
        let client = self.location.client(None).map_err(|it| self.failed(it))?;
        let connected = client.get_multiplexed_async_connection().await;
        connected.map_err(|cause| self.failed(cause))
    }

    pub(super) fn failed(&self, cause: RedisError) -> ProviderError {
        Failure::connect(cause, &self.location.server).error("conformance", false)
    }

    /// Removes every key of the store, after what still writes to it was ended.
    pub(super) async fn remove(&self) -> Result<(), ProviderError> {
        self.end_clients().await?;
        let mut connection = self.connect().await?;
        let removed = unlink(&mut connection, &self.prefix).await;
        removed.map_err(|cause| self.failed(cause))
    }

    /// Ends what the server still does for handles on the store, and waits until it has.
    pub(super) async fn end_clients(&self) -> Result<(), ProviderError> {
        let mut connection = self.connect().await?;
        let deadline = SystemClock.now_ms() + millis_ceil(GONE_WITHIN);
        loop {
            let left = kill_clients(&mut connection, &self.prefix).await;
            if left.map_err(|cause| self.failed(cause))? == 0 {
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
            let _count: i64 = cmd("UNLINK").arg(keys).query_async(connection).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

/// What all keys of this prefix match, and no others.
fn pattern(prefix: &str) -> String {
    let mut pattern = "{".to_owned();
    for letter in prefix.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    // No prefix has a brace.
    pattern + ":*"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_matched_as_it_is() {
        assert_eq!(pattern("a*[b]"), r"{a\*\[b\]:*");
    }

    #[test]
    fn a_place_does_not_show_the_password() {
        let place = Place::new("redis://user:hunter2@host", "store", 1).unwrap();
        assert_eq!(format!("{place:?}"), r#"Place("store")"#);
    }
}
