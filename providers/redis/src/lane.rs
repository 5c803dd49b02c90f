//! Calls of scripts in a partition, as they come.

use duroxide_core::providers::room::Taken;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::claim::ClaimJob;
use crate::commit::CommitJob;
use crate::error::Failure;
use crate::link::Link;
use crate::read_lane::ReadJob;
use crate::script::Script;

/// Which connection a call goes by. What is long must not keep leases from being renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What claims of several partitions begin with.
    Fronts,
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
    pub(crate) claims: mpsc::UnboundedSender<ClaimJob>,
    pub(crate) fronts: mpsc::UnboundedSender<Call>,
    pub(crate) leases: mpsc::UnboundedSender<Call>,
    pub(crate) reads: mpsc::UnboundedSender<ReadJob>,
    pub(crate) looks: mpsc::UnboundedSender<Call>,
    pub(crate) relay: mpsc::UnboundedSender<Call>,
}

/// The other ends of the lanes to a partition.
pub(crate) struct LaneEnds {
    pub(crate) commits: mpsc::UnboundedReceiver<CommitJob>,
    pub(crate) claims: mpsc::UnboundedReceiver<ClaimJob>,
    pub(crate) fronts: mpsc::UnboundedReceiver<Call>,
    pub(crate) leases: mpsc::UnboundedReceiver<Call>,
    pub(crate) reads: mpsc::UnboundedReceiver<ReadJob>,
    pub(crate) looks: mpsc::UnboundedReceiver<Call>,
    pub(crate) relay: mpsc::UnboundedReceiver<Call>,
}

impl Lanes {
    /// The lanes to a partition, and their other ends.
    pub(crate) fn new() -> (Self, LaneEnds) {
        let (commits, commits_end) = mpsc::unbounded_channel();
        let (claims, claims_end) = mpsc::unbounded_channel();
        let (fronts, fronts_end) = mpsc::unbounded_channel();
        let (leases, leases_end) = mpsc::unbounded_channel();
        let (reads, reads_end) = mpsc::unbounded_channel();
        let (looks, looks_end) = mpsc::unbounded_channel();
        let (relay, relay_end) = mpsc::unbounded_channel();
        let lanes = Self {
            commits,
            claims,
            fronts,
            leases,
            reads,
            looks,
            relay,
        };
        let ends = LaneEnds {
            commits: commits_end,
            claims: claims_end,
            fronts: fronts_end,
            leases: leases_end,
            reads: reads_end,
            looks: looks_end,
            relay: relay_end,
        };
        (lanes, ends)
    }
}

/// A call of a script.
pub(crate) struct Call {
    pub(crate) script: Script,
    pub(crate) argument: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Result<Vec<u8>, Failure>>,
    /// What it takes of the queue, until it is answered.
    pub(crate) _room: Option<Taken>,
}

/// Serves until the queue is closed and empty. Calls go out as they come; the server answers them in
/// their order.
pub(crate) async fn run(link: Link, mut queue: mpsc::UnboundedReceiver<Call>) {
    let mut under_way = JoinSet::new();
    while let Some(call) = queue.recv().await {
        let connected = link.connected().await;
        match connected {
            Ok(connected) => {
                let link = link.clone();
                under_way.spawn(async move {
                    let answer = link.call(connected, call.script, &call.argument).await;
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
