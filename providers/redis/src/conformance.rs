//! The fixture by which this provider proves itself.
//!
//! A server's time cannot be moved, but the scripts read it in one place. Those of the suite read a key
//! there: so time passes when a case says so, leases and timers of hours take milliseconds, and the
//! reference can be compared with.

mod clock;
mod meter;
mod place;

use std::path::Path;
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{Limits, Provider, ProviderError};
use duroxide_provider_tests::servers::{ServerKind, server};
use duroxide_provider_tests::{
    Ending, Fixture, MeteredStore, Pace, RealTime, Store, TestClock, Unavailable,
};
use parking_lot::Mutex;
use tokio::sync::RwLock;

use self::clock::MovableClock;
use self::meter::RedisMeter;
use self::place::Place;
pub(crate) use self::place::name;
use crate::RedisProvider;
use crate::provider::Killer;

/// What all keys of a partition begin with, in a store of so many under a prefix.
#[must_use]
pub fn key_tag(prefix: &str, index: usize, count: usize) -> String {
    crate::partition::key_tag(prefix, index, count)
}

/// How much mail a topic of these stores holds: more than the cases need, and filled in no time.
const TOPIC_MESSAGES_MAX: usize = 1_500;
/// And all topics together.
const MAIL_MESSAGES_MAX: usize = 2_000;

/// Of how many partitions a store is that has several: some on each server of a small Cluster, and of
/// instances that belong together some in each.
const PARTITIONS: usize = 5;

/// Makes empty stores, each under a key prefix of its own, whose keys go away with it.
#[derive(Debug, Clone)]
pub struct RedisFixture {
    mode: Mode,
    /// `None` for the server that the tests of this process share.
    url: Option<String>,
    /// By how much real time is sped up; `None` for time that the cases move.
    speedup: Option<u32>,
    stores: Arc<Stores>,
}

/// What the stores of a fixture are on, and made of.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Single,
    Partitioned,
    Cluster,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Partitioned => "partitioned",
            Self::Cluster => "cluster",
        }
    }

    fn server(self) -> ServerKind {
        match self {
            Self::Single | Self::Partitioned => ServerKind::Redis,
            Self::Cluster => ServerKind::RedisCluster,
        }
    }

    fn partitions(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Partitioned | Self::Cluster => PARTITIONS,
        }
    }
}

/// Of the handles on a store that were not killed.
type Alive = Arc<Mutex<Vec<Killer>>>;

/// The stores that a fixture and its clones have on the server.
#[derive(Debug, Default)]
struct Stores {
    there: Mutex<Vec<(Place, Alive)>>,
    /// Whether no more is made or opened. Whoever does so holds this meanwhile.
    is_over: RwLock<bool>,
}

impl RedisFixture {
    /// Stores on a single server, each of one partition.
    #[must_use]
    pub fn single() -> Self {
        Self::of(Mode::Single)
    }

    /// Stores on a single server, each of several partitions.
    #[must_use]
    pub fn partitioned() -> Self {
        Self::of(Mode::Partitioned)
    }

    /// Stores on a Cluster, each of several partitions.
    #[must_use]
    pub fn cluster() -> Self {
        Self::of(Mode::Cluster)
    }

    /// Stores at the servers of this URL: a list of them is a Cluster.
    #[must_use]
    pub fn at_url(url: &str) -> Self {
        let fixture = if url.contains(',') {
            Self::cluster()
        } else {
            Self::single()
        };
        fixture.at(url)
    }

    fn of(mode: Mode) -> Self {
        Self {
            mode,
            url: None,
            speedup: None,
            stores: Arc::default(),
        }
    }

    /// Lets the stores live by the server's own clock, and the cases run so many times faster.
    #[must_use]
    pub fn in_real_time(mut self, speedup: u32) -> Self {
        self.speedup = Some(speedup);
        self
    }

    /// Makes the stores on this server. Otherwise one is looked for, as
    /// [`servers`](duroxide_provider_tests::servers) tells.
    #[must_use]
    pub fn at(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    /// Looks whether the servers of the URL are what the stores are to be on.
    ///
    /// # Errors
    /// If they are not, or cannot be reached.
    pub async fn check(&self) -> Result<(), Unavailable> {
        let place = self.place(&self.url().await?, "duroxide-conformance")?;
        let is_cluster = place.is_on_cluster().await;
        let is_cluster = is_cluster.map_err(|error| cannot_be_made(&error))?;
        match (self.mode, is_cluster) {
            (Mode::Cluster, false) => Err(Unavailable::new(
                "the server is not one of a Cluster; its modes are single and partitioned",
            )),
            (Mode::Single | Mode::Partitioned, true) => Err(Unavailable::new(
                "the server is one of a Cluster; its mode is cluster",
            )),
            _ => Ok(()),
        }
    }

    /// Removes every store that this fixture and its clones have made, under the cases that still use
    /// them, and makes no more: for somebody who interrupts the suite.
    pub async fn remove_all(&self) {
        let mut is_over = self.stores.is_over.write().await;
        *is_over = true;
        let there = std::mem::take(&mut *self.stores.there.lock());
        for (place, alive) in there {
            remove(&place, &alive).await;
        }
    }

    async fn url(&self) -> Result<String, Unavailable> {
        match &self.url {
            Some(url) => Ok(url.clone()),
            None => shared_url(self.mode.server()).await,
        }
    }

    /// The keys that belong to a folder.
    async fn place_of(&self, folder: &Path) -> Result<Place, Unavailable> {
        let name = folder.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Unavailable::new("the folder's name is not Unicode"))?;
        self.place(&self.url().await?, name)
    }

    fn place(&self, url: &str, prefix: &str) -> Result<Place, Unavailable> {
        let place = Place::new(url, prefix, self.mode.partitions());
        place.map_err(|error| cannot_be_made(&error))
    }
}

/// The server of this process. It may have to be started, which blocks.
async fn shared_url(kind: ServerKind) -> Result<String, Unavailable> {
    let found = tokio::task::spawn_blocking(move || server(kind)).await;
    let found = found.map_err(|error| Unavailable::new(error.to_string()))?;
    Ok(found?.url().to_owned())
}

fn cannot_be_made(error: &ProviderError) -> Unavailable {
    Unavailable::new(format!("no store can be made: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` calls it")]
fn cannot_be_opened(error: ProviderError) -> Unavailable {
    Unavailable::new(format!("the store cannot be opened: {error}"))
}

#[async_trait]
impl Fixture for RedisFixture {
    fn mode(&self) -> &str {
        self.mode.name()
    }

    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let url = self.url().await?;
        let prefix = format!("duroxide-conformance-{}", Entropy.lease_token().0);
        let place = self.place(&url, &prefix)?;
        let is_over = self.stores.is_over.read().await;
        if *is_over {
            return Err(interrupted());
        }
        let alive = Alive::default();
        let entry = (place.clone(), Arc::clone(&alive));
        self.stores.there.lock().push(entry);
        // From here on the store is removed, also if this is dropped half-way.
        let keys = Keys {
            place,
            alive,
            stores: Arc::clone(&self.stores),
        };
        let clock: Box<dyn TestClock> = match self.speedup {
            Some(speedup) => Box::new(RealTime::new(speedup)),
            None => {
                let made = MovableClock::new(keys.place.clone()).await;
                Box::new(made.map_err(|error| cannot_be_made(&error))?)
            }
        };
        drop(is_over);
        Ok(Box::new(RedisStore { url, clock, keys }))
    }

    /// Under the name of the folder.
    async fn open_in(&self, folder: &Path) -> Result<Arc<dyn Provider>, Unavailable> {
        let place = self.place_of(folder).await?;
        let options = place.options();
        let opened = RedisProvider::new(&self.url().await?, Some(options)).await;
        opened.map(shared).map_err(cannot_be_opened)
    }

    async fn open_to_measure(&self, folder: &Path) -> Result<MeteredStore, Unavailable> {
        Ok(MeteredStore {
            provider: self.open_in(folder).await?,
            meter: Some(Arc::new(RedisMeter::new(self.place_of(folder).await?))),
        })
    }

    async fn remove_from(&self, folder: &Path) -> Result<(), String> {
        let place = self.place_of(folder).await;
        let removed = place.map_err(|error| error.to_string())?.remove().await;
        removed.map_err(|error| format!("the keys of the run are left behind: {error}"))
    }
}

fn shared(provider: RedisProvider) -> Arc<dyn Provider> {
    Arc::new(provider)
}

fn interrupted() -> Unavailable {
    Unavailable::new("the suite was interrupted")
}

struct RedisStore {
    url: String,
    clock: Box<dyn TestClock>,
    keys: Keys,
}

/// The keys of a store, which go away with this.
struct Keys {
    place: Place,
    alive: Alive,
    stores: Arc<Stores>,
}

#[async_trait]
impl Store for RedisStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        let mut limits = Limits::default();
        limits.topic_messages_max = TOPIC_MESSAGES_MAX;
        limits.mail_messages_max = MAIL_MESSAGES_MAX;
        let mut options = self.keys.place.options().limits(limits);
        if self.clock.pace() == Pace::Virtual {
            options = options.clock(self.clock.clock()).test_clock();
        }
        let is_over = self.keys.stores.is_over.read().await;
        if *is_over {
            return Err(interrupted());
        }
        let opened = RedisProvider::new(&self.url, Some(options)).await;
        let provider = opened.map_err(cannot_be_opened)?;
        self.keys.alive.lock().push(provider.killer());
        Ok(shared(provider))
    }

    /// Cuts the connections of every handle where they stand, and waits until the server has ended
    /// what it did for them.
    async fn crash(&self) -> Result<Ending, Unavailable> {
        kill(&self.keys.alive).await;
        self.keys.place.end_clients().await.map_err(|error| {
            Unavailable::new(format!("the clients of the dead cannot be ended: {error}"))
        })?;
        Ok(Ending::ProcessKilled)
    }

    fn clock(&self) -> &dyn TestClock {
        &*self.clock
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // The runtime of the case may be at its end, and a destructor cannot wait for it.
        let (place, alive) = (self.place.clone(), Arc::clone(&self.alive));
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                runtime.block_on(remove(&place, &alive));
            }
        });
        dropped.join().ok();
        let mut there = self.stores.there.lock();
        there.retain(|(it, _)| it.prefix() != self.place.prefix());
    }
}

/// Ends the handles, since one that still lives would write keys anew, and then removes all keys.
async fn remove(place: &Place, alive: &Alive) {
    kill(alive).await;
    if let Err(error) = place.remove().await {
        tracing::warn!(target: "duroxide::redis", %error, "the keys of a store are left behind");
    }
}

async fn kill(alive: &Alive) {
    let alive = std::mem::take(&mut *alive.lock());
    for killer in alive {
        killer.kill().await;
    }
}
