//! What is looked at before a store is served: the servers, the user's rights, how many partitions there are.

use std::num::NonZeroUsize;
use std::sync::Arc;

use duroxide_core::providers::ProviderError;
use redis::{RedisResult, cmd};
use serde::Deserialize;

use crate::access::Access;
use crate::codec;
use crate::connection::{self, Connected};
use crate::error::{self, Failure};
use crate::lane::LaneEnds;
use crate::location::Node;
use crate::options::RedisOptions;
use crate::partition::first_key_tag;
use crate::pool::Purpose;
use crate::script::Scripts;
use crate::server::{Kind, Server};
use crate::setup::Setup;
use crate::slots::Slots;
use crate::topology::Topology;
use crate::{rights, sentinel, slot};

/// A store that will do.
pub(crate) struct Opened {
    pub(crate) setup: Arc<Setup>,
    /// Of the partitions, in their order.
    pub(crate) lanes: Vec<LaneEnds>,
    pub(crate) server: Server,
}

/// Looks whether the store will do.
pub(crate) async fn open(access: Access) -> Result<Opened, ProviderError> {
    let access = Arc::new(access);
    let (server, topology, mut there) = survey(&access).await?;
    let count = match stored_count(&access, &topology, &mut there).await? {
        Some(stored) => checked(stored, access.options.partitions)?,
        None => wanted(&access, &topology),
    };
    let scripts = Scripts::new(access.options.time, server.kind, count.get());
    let (setup, lanes) = Setup::new(access, topology, scripts, count);
    for partition in setup.partitions.iter() {
        let mut at = place(&setup.access, &setup.topology, &mut there, partition.slot).await?;
        let what = (server.kind, &setup.access.options);
        rights::check(partition, what, &mut at).await?;
    }
    for connected in &mut there {
        let loaded = connection::load_scripts(&setup.scripts, connected).await;
        loaded.map_err(of_opening)?;
    }
    // The first that need a connection have those by which the store was opened.
    for connected in there {
        setup.pool.put(Purpose::Commits, connected).await;
    }
    Ok(Opened {
        setup: Arc::new(setup),
        lanes,
        server,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` calls it")]
fn of_opening(failure: Failure) -> ProviderError {
    failure.error("open", false)
}

/// Finds out what kind of servers there are, and looks at each that has a part of the store.
async fn survey(access: &Access) -> Result<(Server, Topology, Vec<Connected>), ProviderError> {
    if access.location.primary_name().is_some() {
        return survey_by_sentinel(access).await;
    }
    let mut first = any(access).await?;
    let mut server = Server::inspect(&mut first).await?;
    if server.kind == Kind::Single {
        if access.location.nodes().len() > 1 {
            return Err(error::config(
                "the URL lists several servers, and the first that answers is not one of a Cluster; name one \
                 server",
            ));
        }
        server.check_is_primary()?;
        let node = first.node.clone();
        return Ok((server, Topology::Single(node), vec![first]));
    }
    if access.location.database() != 0 {
        return Err(error::config(error::ONE_DATABASE));
    }
    let slots = Slots::told_by(access, &mut first)
        .await
        .map_err(of_opening)?;
    if !slots.cover_all() {
        return Err(of_opening(Failure::uncovered(&access.location.server)));
    }
    let mut there = Vec::new();
    for node in slots.primaries() {
        let mut connected = connect(access, &node).await?;
        let other = Server::inspect(&mut connected).await?;
        server = if there.is_empty() {
            other
        } else {
            server.weaker(other)
        };
        there.push(connected);
    }
    Ok((server, Topology::cluster(slots), there))
}

/// Asks the sentinels for the primary, and looks at that.
async fn survey_by_sentinel(
    access: &Access,
) -> Result<(Server, Topology, Vec<Connected>), ProviderError> {
    let mut failed = error::config("the URL names no sentinel");
    for node in access.location.nodes() {
        match sentinel::primary(access, node).await {
            Ok(primary) => {
                let mut first = connect(access, &primary).await?;
                let server = Server::inspect(&mut first).await?;
                server.check_is_named_primary()?;
                return Ok((server, Topology::of_sentinels(primary), vec![first]));
            }
            Err(failure) => failed = of_opening(failure),
        }
    }
    Err(failed)
}

/// Which servers there are, whatever they keep.
#[cfg(feature = "conformance")]
pub(crate) async fn topology(access: &Access) -> Result<Topology, ProviderError> {
    survey(access).await.map(|(_, topology, _)| topology)
}

async fn connect(access: &Access, node: &Node) -> Result<Connected, ProviderError> {
    let connected = connection::connect(access, node).await;
    connected.map_err(of_opening)
}

/// A connection to the first of the servers that can be reached.
async fn any(access: &Access) -> Result<Connected, ProviderError> {
    let mut failed = None;
    for node in access.location.nodes() {
        match connect(access, node).await {
            Ok(connected) => return Ok(connected),
            // The one that is not asked to be repeated says more.
            Err(error) => match &failed {
                Some(before) if !ProviderError::is_retryable(before) => {}
                _ => failed = Some(error),
            },
        }
    }
    Err(failed.unwrap_or_else(|| error::config("the URL names no server")))
}

/// A connection to the server that has a slot.
async fn place(
    access: &Access,
    topology: &Topology,
    there: &mut Vec<Connected>,
    slot: u16,
) -> Result<Connected, ProviderError> {
    let node = topology.primary(access, slot).await.map_err(of_opening)?;
    let known = there.iter().find(|it| it.node == node && !it.is_lost());
    if let Some(known) = known {
        return Ok(known.clone());
    }
    let connected = connect(access, &node).await?;
    there.push(connected.clone());
    Ok(connected)
}

/// How many partitions the store has, if it is there: the clock of the first one says so.
async fn stored_count(
    access: &Access,
    topology: &Topology,
    there: &mut Vec<Connected>,
) -> Result<Option<NonZeroUsize>, ProviderError> {
    let key = first_key_tag(&access.options.key_prefix) + "clock";
    let mut at = place(access, topology, there, slot::of(&key)).await?;
    let mut get = cmd("GET");
    let stored: RedisResult<Option<Vec<u8>>> = get.arg(&key).query_async(&mut at.connection).await;
    let stored = stored.map_err(|cause| {
        let failure = Failure::of_call(cause, &at.node.name);
        rights::of_opening(&failure, &access.options)
    })?;
    // A clock of another form is for the scripts to refuse.
    let count = stored.and_then(|clock| codec::decode::<StoredClock>(&clock).ok());
    Ok(count.and_then(|clock| NonZeroUsize::new(clock.4)))
}

/// The time, the last number, the form of what is stored, by how much the time was ahead, how many partitions
/// there are, and when by the server's clock it was ahead by that.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the scripts read the others")]
struct StoredClock(f64, f64, u64, f64, usize, f64);

/// How many partitions a new store gets.
fn wanted(access: &Access, topology: &Topology) -> NonZeroUsize {
    let default = if topology.is_cluster() {
        RedisOptions::PARTITIONS_DEFAULT_CLUSTER
    } else {
        1
    };
    let wanted = access.options.partitions.unwrap_or(default);
    // That it is not 0 was checked.
    NonZeroUsize::new(wanted).unwrap_or(NonZeroUsize::MIN)
}

/// How many partitions a store has, which must be as many as are wanted.
fn checked(count: NonZeroUsize, wanted: Option<usize>) -> Result<NonZeroUsize, ProviderError> {
    match wanted {
        Some(wanted) if wanted != count.get() => {
            let unit = if count.get() == 1 {
                "partition"
            } else {
                "partitions"
            };
            let message = format!(
                "the store was made with {count} {unit}; open it by `partitions({count})`, or leave that out"
            );
            Err(error::config(message).with_context("partitions", wanted))
        }
        _ => Ok(count),
    }
}
