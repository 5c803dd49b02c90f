//! The thread on which everything of a provider runs.
//!
//! A thread of its own, so that a caller who blocks or drops its executor holds up nobody: leases are
//! renewed, and what was begun is brought to its end.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use duroxide_core::providers::ProviderError;
use parking_lot::Mutex;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::commit::CommitJob;
use crate::connection::{self, Server};
use crate::lane;
use crate::lease::LeaseJob;
use crate::read::{ReadJob, WideJob};
use crate::session::Session;
use crate::setup::Setup;
use crate::{bell, listener, migration, pulse};

/// The thread, until it has ended.
pub(crate) struct Engine {
    ended: watch::Receiver<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the database on a new thread.
    pub(crate) async fn start(setup: &Arc<Setup>) -> Result<(Self, Server), ProviderError> {
        let (reply, opened) = oneshot::channel();
        let (alive, ended) = watch::channel(());
        let thread = thread::Builder::new()
            .name("duroxide-postgres".to_owned())
            .spawn({
                let setup = Arc::clone(setup);
                move || {
                    // Dropped last, on a panic too.
                    let _alive = alive;
                    let _close_at_end = CloseAtEnd(&setup);
                    let runtime = Builder::new_current_thread().enable_all().build();
                    match runtime {
                        Ok(runtime) => runtime.block_on(async {
                            tokio::select! {
                                biased;
                                // Connections are dropped where they stand, without a farewell.
                                () = setup.killed() => {}
                                () = serve(&setup, reply) => {}
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
        let opened = opened.await;
        let server = opened.unwrap_or_else(|_| Err(crate::error::abandoned("open", false)))?;
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

/// Opens the database, says what came of it, and serves until the setup is closed.
async fn serve(setup: &Arc<Setup>, reply: oneshot::Sender<Result<Server, ProviderError>>) {
    let (server, session) = match open(setup).await {
        Ok(opened) => opened,
        Err(error) => {
            reply.send(Err(error)).ok();
            return;
        }
    };
    let mut lanes = JoinSet::new();
    lanes.spawn(lane::run::<CommitJob>(Arc::clone(setup), session));
    for _ in 1..setup.options.write_connections {
        let session = Session::new(setup);
        lanes.spawn(lane::run::<CommitJob>(Arc::clone(setup), session));
    }
    lanes.spawn(lane::run::<LeaseJob>(
        Arc::clone(setup),
        Session::for_leases(setup),
    ));
    lanes.spawn(lane::run::<ReadJob>(Arc::clone(setup), Session::new(setup)));
    lanes.spawn(lane::run::<WideJob>(Arc::clone(setup), Session::new(setup)));
    let mut helpers = JoinSet::new();
    if setup.listen.is_some() {
        let (heard, first) = oneshot::channel();
        helpers.spawn(listener::run(Arc::clone(setup), heard));
        // What others do from now on is heard, if it can be heard at all.
        first.await.ok();
    }
    helpers.spawn(bell::ring(Arc::clone(setup)));
    helpers.spawn(pulse::run(Arc::clone(setup)));
    // A caller that has gone away drops the provider, which closes the setup.
    if reply.send(Ok(server)).is_err() {
        setup.close();
    }
    while let Some(ended) = lanes.join_next().await {
        if ended.is_err() {
            // A lane has panicked: whoever waits for it hears of it when its queue is dropped.
            setup.close();
        }
    }
    helpers.join_all().await;
    // Others need not tell this process anything any more.
    if setup.listen.is_some() {
        let mut session = Session::new(setup);
        session
            .fetch(setup.functions.leave.call().bind(setup.node))
            .await
            .ok();
        session.close().await;
    }
}

async fn open(setup: &Arc<Setup>) -> Result<(Server, Session), ProviderError> {
    let options = &setup.options;
    let mut connection = connection::first(&setup.connect, options).await?;
    let server = connection::inspect(&mut connection, options).await?;
    migration::run(&mut connection, &setup.schema, options.migrations).await?;
    Ok((server, Session::connected(setup, connection)))
}
