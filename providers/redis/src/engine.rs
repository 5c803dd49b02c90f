//! The thread on which everything of a provider runs.
//!
//! A thread of its own, so that a caller who blocks or drops its executor holds up nobody: leases are
//! renewed, and what was begun is brought to its end.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use duroxide_core::providers::{ErrorKind, ProviderError};
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::access::Access;
use crate::lane::{self, LaneEnds};
use crate::link::Link;
use crate::opening::{self, Opened};
use crate::partition::Partition;
use crate::pool::Purpose;
use crate::server::Server;
use crate::setup::Setup;
use crate::{bell, claim, commit, error, pulse, read_lane};

/// The thread, until it has ended.
pub(crate) struct Engine {
    ended: watch::Receiver<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the store on a new thread.
    pub(crate) async fn start(access: Access) -> Result<(Self, Arc<Setup>, Server), ProviderError> {
        let (reply, opened) = oneshot::channel();
        let (alive, ended) = watch::channel(());
        let thread = thread::Builder::new()
            .name("duroxide-redis".to_owned())
            .spawn(move || {
                // Dropped last, on a panic too.
                let _alive = alive;
                match Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime.block_on(run(access, reply)),
                    Err(cause) => {
                        reply.send(Err(no_resources(cause))).ok();
                    }
                }
            })
            .map_err(no_resources)?;
        let engine = Self {
            ended,
            thread: Mutex::new(Some(thread)),
        };
        let abandoned = |_| Err(error::config("the thread of the provider ended at once"));
        let (setup, server) = opened.await.unwrap_or_else(abandoned)?;
        Ok((engine, setup, server))
    }

    /// Waits until the thread has ended, which it does once the setup is closed.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
        let thread = self.thread.lock().take();
        // Its last step was to let go of `alive`, so that this takes no time. If it panicked, its
        // callers have heard of that already.
        thread.map(JoinHandle::join);
    }
}

/// Nobody may wait for a thread that is gone, even if it ended by a panic.
struct CloseAtEnd<'a>(&'a Setup);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn no_resources(cause: std::io::Error) -> ProviderError {
    ProviderError::retryable("open", "the system refuses another thread; try again")
        .with_source(cause)
}

/// Where it is told what came of the opening.
type Reply = oneshot::Sender<Result<(Arc<Setup>, Server), ProviderError>>;

/// Opens the store, says what came of it, and serves until the setup is closed.
async fn run(access: Access, reply: Reply) {
    let opened = match opening::open(access).await {
        Ok(opened) => opened,
        Err(error) => {
            reply.send(Err(error)).ok();
            return;
        }
    };
    let setup = Arc::clone(&opened.setup);
    let _close_at_end = CloseAtEnd(&setup);
    tokio::select! {
        biased;
        // Connections are dropped where they stand.
        () = setup.killed() => {}
        () = serve(opened, reply) => {}
    }
}

async fn serve(opened: Opened, reply: Reply) {
    let Opened {
        setup,
        lanes: ends,
        server,
    } = opened;
    let mut lanes = JoinSet::new();
    for (partition, ends) in setup.partitions.iter().zip(ends) {
        serve_partition(&setup, partition, ends, &mut lanes);
    }
    let mut helpers = JoinSet::new();
    let (wanted, attempted) = bell::all(&setup);
    helpers.spawn(bell::listen(Arc::clone(&setup), wanted));
    for partition in setup.partitions.iter() {
        helpers.spawn(pulse::run(Arc::clone(&setup), Arc::clone(partition)));
    }
    // What others do from now on is heard, if it can be heard at all.
    join_all(attempted).await;
    // Others tell it from now on; if this fails, it is asked for.
    let asked = setup.partitions.iter().map(|it| pulse::ask(&setup, it));
    let asked = join_all(asked).await.into_iter().filter_map(Result::err);
    let mut refused = asked.map(|failure| failure.error("open", false));
    let refused = refused.find(|error| error.kind() == ErrorKind::Config);
    let opened = refused.map_or_else(|| Ok((Arc::clone(&setup), server)), Err);
    let is_refused = opened.is_err();
    // A caller that has gone away drops the provider, which closes the setup.
    if reply.send(opened).is_err() || is_refused {
        setup.close();
    }
    while let Some(ended) = lanes.join_next().await {
        if ended.is_err() {
            // A lane has panicked: whoever waits for it hears of it when its queue is dropped.
            setup.close();
        }
    }
    helpers.join_all().await;
}

/// Starts the lanes to a partition.
fn serve_partition(
    setup: &Arc<Setup>,
    partition: &Arc<Partition>,
    ends: LaneEnds,
    lanes: &mut JoinSet<()>,
) {
    let link = |purpose| Link::new(setup, partition, purpose);
    let (reads, commits) = (link(Purpose::Reads), link(Purpose::Commits));
    let claims = link(Purpose::Claims);
    lanes.spawn(lane::run(claims.clone(), ends.fronts));
    lanes.spawn(claim::run(Arc::clone(setup), claims, ends.claims));
    lanes.spawn(lane::run(link(Purpose::Leases), ends.leases));
    lanes.spawn(read_lane::run(Arc::clone(setup), reads, ends.reads));
    lanes.spawn(lane::run(link(Purpose::Looks), ends.looks));
    lanes.spawn(lane::run(link(Purpose::Relay), ends.relay));
    lanes.spawn(commit::run(Arc::clone(setup), commits, ends.commits));
}
