//! A connection that serves calls as they come, and is made anew after it was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use duroxide_core::providers::room::Taken;
use redis::aio::MultiplexedConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::commit::CommitJob;
use crate::connection;
use crate::error::Failure;
use crate::partition::Partition;
use crate::read_lane::ReadJob;
use crate::script::Script;
use crate::setup::Setup;

/// Which connection a call goes by. What is long must not keep leases from being renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Claims.
    Claims,
    /// Renewals, releases, and the sign of life.
    Leases,
    /// Management.
    Looks,
    /// What comes from other partitions, and goes there.
    Relay,
}

/// The queues of the lanes to a partition.
pub(crate) struct Lanes {
    pub(crate) commits: mpsc::UnboundedSender<CommitJob>,
    pub(crate) claims: mpsc::UnboundedSender<Call>,
    pub(crate) leases: mpsc::UnboundedSender<Call>,
    pub(crate) reads: mpsc::UnboundedSender<ReadJob>,
    pub(crate) looks: mpsc::UnboundedSender<Call>,
    pub(crate) relay: mpsc::UnboundedSender<Call>,
}

/// A call of a script.
pub(crate) struct Call {
    pub(crate) script: Script,
    pub(crate) argument: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Result<Vec<u8>, Failure>>,
    /// What it takes of the queue, until it is answered.
    pub(crate) _room: Option<Taken>,
}

/// A connection to where a partition is, until it is lost.
pub(crate) struct Link {
    setup: Arc<Setup>,
    partition: Arc<Partition>,
    current: Option<Usable>,
}

/// A connection, and whether it has been found lost, by a call or while nobody used it.
#[derive(Clone)]
pub(crate) struct Usable {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) partition: Arc<Partition>,
    is_lost: Arc<AtomicBool>,
}

impl Link {
    /// One that connects at its first use.
    pub(crate) fn new(setup: &Arc<Setup>, partition: &Arc<Partition>) -> Self {
        Self {
            setup: Arc::clone(setup),
            partition: Arc::clone(partition),
            current: None,
        }
    }

    pub(crate) fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// Uses this connection, as long as it lasts.
    pub(crate) fn set(&mut self, usable: Usable) {
        self.current = Some(usable);
    }

    /// The connection, which is made if there is none.
    pub(crate) async fn usable(&mut self) -> Result<Usable, Failure> {
        let usable = self.current.take().filter(|it| !it.is_lost());
        let usable = match usable {
            Some(usable) => usable,
            None => Usable::connect(&self.setup, &self.partition).await?,
        };
        Ok(self.current.insert(usable).clone())
    }
}

impl Usable {
    /// Makes one.
    pub(crate) async fn connect(
        setup: &Setup,
        partition: &Arc<Partition>,
    ) -> Result<Self, Failure> {
        let is_lost = Arc::default();
        Ok(Self {
            connection: connection::connect(setup, &is_lost).await?,
            partition: Arc::clone(partition),
            is_lost,
        })
    }

    fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Calls a script on it.
    pub(crate) async fn call(
        &self,
        setup: &Arc<Setup>,
        script: Script,
        argument: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let call = connection::ScriptCall {
            script,
            key_tag: &self.partition.key_tag,
            argument,
        };
        let answer = connection::call(setup, self.connection.clone(), call).await;
        if answer.as_ref().is_err_and(Failure::breaks_connection) {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        answer
    }
}

/// Serves until the queue is closed and empty. Calls go out as they come; the server answers them in
/// their order.
pub(crate) async fn run(mut link: Link, mut queue: mpsc::UnboundedReceiver<Call>) {
    let setup = Arc::clone(&link.setup);
    let mut under_way = JoinSet::new();
    while let Some(call) = queue.recv().await {
        let usable = link.usable().await;
        if call.script == Script::Claim && call.reply.is_closed() {
            // It would lease for nobody.
            continue;
        }
        match usable {
            Ok(usable) => {
                let setup = Arc::clone(&setup);
                under_way.spawn(async move {
                    let answer = usable.call(&setup, call.script, &call.argument).await;
                    // A caller who has gone away wants no answer.
                    call.reply.send(answer).ok();
                });
            }
            Err(failure) => {
                // Whoever waits meanwhile would wait for as long once more. Whoever hears of it and
                // tries again is not among them.
                let mut failed = vec![call];
                while let Ok(call) = queue.try_recv() {
                    failed.push(call);
                }
                for call in failed {
                    call.reply.send(Err(failure.clone())).ok();
                }
            }
        }
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}
