//! The connections to the servers, each of which serves all partitions that are there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use parking_lot::Mutex;

use crate::access::Access;
use crate::connection::{self, Connected};
use crate::error::Failure;
use crate::location::Node;

/// What a connection is for. What is long must not keep what is short waiting, nor leases from being renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    Commits,
    Claims,
    Leases,
    Reads,
    Looks,
    Relay,
}

/// The connections to the servers, which are made when they are needed and replaced when they are lost.
#[derive(Default)]
pub(crate) struct Pool {
    places: Mutex<Places>,
}

/// By the name of the server.
type Places = HashMap<(Arc<str>, Purpose), Arc<Place>>;

/// Whoever needs a connection that is not there makes it, and the others wait for that.
type Place = tokio::sync::Mutex<State>;

#[derive(Default)]
struct State {
    current: Option<Connected>,
    /// Why the last attempt failed, and when that was, by the machine's clock.
    failed: Option<(Duration, Failure)>,
}

impl Pool {
    /// Uses this connection from now on, if there is none.
    pub(crate) async fn put(&self, purpose: Purpose, connected: Connected) {
        let place = self.place(&connected.node, purpose);
        place.lock().await.current.get_or_insert(connected);
    }

    /// The connection to a server for this purpose.
    pub(crate) async fn get(
        &self,
        access: &Access,
        node: &Node,
        purpose: Purpose,
    ) -> Result<Connected, Failure> {
        let asked_at = SystemClock.elapsed();
        let place = self.place(node, purpose);
        let mut place = place.lock().await;
        if let Some(connected) = place.current.take().filter(|it| !it.is_lost()) {
            return Ok(place.current.insert(connected).clone());
        }
        // Whoever has waited for an attempt would wait for as long once more.
        if let Some((_, failure)) = place.failed.as_ref().filter(|(at, _)| *at >= asked_at) {
            return Err(failure.clone());
        }
        match connection::connect(access, node).await {
            Ok(connected) => Ok(place.current.insert(connected).clone()),
            Err(failure) => {
                place.failed = Some((SystemClock.elapsed(), failure.clone()));
                Err(failure)
            }
        }
    }

    fn place(&self, node: &Node, purpose: Purpose) -> Arc<Place> {
        let mut places = self.places.lock();
        let place = places.entry((Arc::clone(&node.name), purpose));
        Arc::clone(place.or_default())
    }
}
