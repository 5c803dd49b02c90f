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
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::commit::{self, CommitJob};
use crate::error::Failure;
use crate::lane::{self, Call, Lanes, Link, Usable};
use crate::read_lane::{self, ReadJob};
use crate::server::Server;
use crate::setup::Setup;
use crate::{bell, connection, error, pulse, rights, server};

/// The thread, until it has ended.
pub(crate) struct Engine {
    ended: watch::Receiver<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The other ends of the lanes to a partition.
pub(crate) struct Queues {
    commits: mpsc::UnboundedReceiver<CommitJob>,
    claims: mpsc::UnboundedReceiver<Call>,
    leases: mpsc::UnboundedReceiver<Call>,
    reads: mpsc::UnboundedReceiver<ReadJob>,
    looks: mpsc::UnboundedReceiver<Call>,
    relay: mpsc::UnboundedReceiver<Call>,
}

/// The queues to a partition, both ends.
pub(crate) fn queues() -> (Lanes, Queues) {
    let (commits, commits_end) = mpsc::unbounded_channel();
    let (claims, claims_end) = mpsc::unbounded_channel();
    let (leases, leases_end) = mpsc::unbounded_channel();
    let (reads, reads_end) = mpsc::unbounded_channel();
    let (looks, looks_end) = mpsc::unbounded_channel();
    let (relay, relay_end) = mpsc::unbounded_channel();
    let lanes = Lanes {
        commits,
        claims,
        leases,
        reads,
        looks,
        relay,
    };
    let queues = Queues {
        commits: commits_end,
        claims: claims_end,
        leases: leases_end,
        reads: reads_end,
        looks: looks_end,
        relay: relay_end,
    };
    (lanes, queues)
}

impl Engine {
    /// Opens the store on a new thread.
    pub(crate) async fn start(
        setup: &Arc<Setup>,
        queues: Vec<Queues>,
    ) -> Result<(Self, Server), ProviderError> {
        let (reply, opened) = oneshot::channel();
        let (alive, ended) = watch::channel(());
        let thread = thread::Builder::new()
            .name("duroxide-redis".to_owned())
            .spawn({
                let setup = Arc::clone(setup);
                move || {
                    // Dropped last, on a panic too.
                    let _alive = alive;
                    let _close_at_end = CloseAtEnd(&setup);
                    match Builder::new_current_thread().enable_all().build() {
                        Ok(runtime) => runtime.block_on(async {
                            tokio::select! {
                                biased;
                                // Connections are dropped where they stand.
                                () = setup.killed() => {}
                                () = serve(&setup, queues, reply) => {}
                            }
                        }),
                        Err(cause) => {
                            reply.send(Err(no_resources(cause))).ok();
                        }
                    }
                }
            })
            .map_err(no_resources)?;
        let engine = Self {
            ended,
            thread: Mutex::new(Some(thread)),
        };
        let abandoned = |_| Err(error::config("the thread of the provider ended at once"));
        let server = opened.await.unwrap_or_else(abandoned)?;
        Ok((engine, server))
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

/// Opens the store, says what came of it, and serves until the setup is closed.
async fn serve(
    setup: &Arc<Setup>,
    queues: Vec<Queues>,
    reply: oneshot::Sender<Result<Server, ProviderError>>,
) {
    let (server, usable) = match open(setup).await {
        Ok(opened) => opened,
        Err(error) => {
            reply.send(Err(error)).ok();
            return;
        }
    };
    let mut lanes = JoinSet::new();
    let mut helpers = JoinSet::new();
    // The first that needs a connection has the one by which the store was opened.
    let mut usable = Some(usable);
    for (partition, queues) in setup.partitions.iter().zip(queues) {
        let mut commits = Link::new(setup, partition);
        usable.take().into_iter().for_each(|it| commits.set(it));
        serve_partition(setup, commits, queues, &mut lanes);
    }
    let listening = setup.partitions.iter().map(|partition| {
        let (heard, first) = oneshot::channel();
        helpers.spawn(bell::listen(
            Arc::clone(setup),
            Arc::clone(partition),
            heard,
        ));
        helpers.spawn(pulse::run(Arc::clone(setup), Arc::clone(partition)));
        first
    });
    // What others do from now on is heard, if it can be heard at all.
    join_all(listening).await;
    // Others tell it from now on; if this fails, it is asked for.
    let asked = setup.partitions.iter().map(|it| pulse::ask(setup, it));
    let asked = join_all(asked).await.into_iter().filter_map(Result::err);
    let mut refused = asked.map(|failure| failure.error("open", false));
    let refused = refused.find(|error| error.kind() == ErrorKind::Config);
    let opened = refused.map_or(Ok(server), Err);
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
fn serve_partition(setup: &Arc<Setup>, commits: Link, queues: Queues, lanes: &mut JoinSet<()>) {
    let link = || Link::new(setup, commits.partition());
    lanes.spawn(lane::run(link(), queues.claims));
    lanes.spawn(lane::run(link(), queues.leases));
    lanes.spawn(read_lane::run(Arc::clone(setup), link(), queues.reads));
    lanes.spawn(lane::run(link(), queues.looks));
    lanes.spawn(lane::run(link(), queues.relay));
    lanes.spawn(commit::run(Arc::clone(setup), commits, queues.commits));
}

/// Looks whether the store will do.
async fn open(setup: &Arc<Setup>) -> Result<(Server, Usable), ProviderError> {
    let of_call = |failure: Failure| failure.error("open", false);
    let first = setup.partitions.first();
    let mut usable = Usable::connect(setup, first).await.map_err(of_call)?;
    let server = server::inspect(setup, &mut usable.connection).await?;
    for partition in setup.partitions.iter() {
        rights::check(setup, partition, &mut usable.connection).await?;
    }
    let loaded = connection::load_scripts(setup, &mut usable.connection).await;
    loaded.map_err(of_call)?;
    Ok((server, usable))
}
