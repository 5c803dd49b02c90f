//! Which server has which partition.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use futures_util::StreamExt as _;
use futures_util::stream;
use parking_lot::Mutex;

use crate::access::Access;
use crate::connection;
use crate::error::Failure;
use crate::location::Node;
use crate::sentinel;
use crate::slots::Slots;

/// How many servers are asked at a time which one has what: of some nothing may ever be heard.
const ASKED_AT_A_TIME: usize = 3;
/// For how long nobody is asked again, however many calls fail.
const LEARN_PAUSE: Duration = Duration::from_millis(100);

/// The servers of a store, and which of them has which partition.
pub(crate) enum Topology {
    /// One server has all, for ever.
    Single(Node),
    /// Others know which server has what, and that may change.
    Learnt(Learnt),
}

/// Who knows which server has what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guide {
    /// The servers of a Cluster.
    Cluster,
    /// Sentinels, which know one primary.
    Sentinels,
}

/// What was learnt of the servers.
pub(crate) struct Learnt {
    guide: Guide,
    known: Mutex<Known>,
    /// One asks at a time, and the others take what it has learnt.
    learning: tokio::sync::Mutex<()>,
}

struct Known {
    slots: Slots,
    /// Something has failed that may come from a slot having another server now.
    is_doubted: bool,
    /// When the servers were asked last, by the machine's clock.
    asked_at: Duration,
    /// How often something was learnt. It says whom to ask next, since the one before may be behind.
    times: usize,
}

impl Topology {
    pub(crate) fn cluster(slots: Slots) -> Self {
        Self::learnt(Guide::Cluster, slots)
    }

    /// The primary that sentinels have named.
    pub(crate) fn of_sentinels(primary: Node) -> Self {
        Self::learnt(Guide::Sentinels, Slots::all_at(primary))
    }

    fn learnt(guide: Guide, slots: Slots) -> Self {
        Self::Learnt(Learnt {
            guide,
            known: Mutex::new(Known {
                slots,
                is_doubted: false,
                asked_at: SystemClock.elapsed(),
                times: 0,
            }),
            learning: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Self::Learnt(learnt) if learnt.guide == Guide::Cluster)
    }

    /// Whether the server that was written to goes on to take commits when another one has taken over: those would
    /// be lost.
    pub(crate) fn must_be_looked_at(&self) -> bool {
        matches!(self, Self::Learnt(learnt) if learnt.guide == Guide::Sentinels)
    }

    /// Whether another server may take over.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self, Self::Learnt(_))
    }

    /// The servers that are written to.
    #[cfg(feature = "conformance")]
    pub(crate) fn primaries(&self) -> Vec<Node> {
        match self {
            Self::Single(node) => vec![node.clone()],
            Self::Learnt(learnt) => learnt.known.lock().slots.primaries(),
        }
    }

    /// All servers, also those that only follow another one.
    #[cfg(feature = "conformance")]
    pub(crate) fn nodes(&self) -> Vec<Node> {
        match self {
            Self::Single(node) => vec![node.clone()],
            Self::Learnt(learnt) => learnt.known.lock().slots.nodes().to_vec(),
        }
    }

    /// The server that has a slot, as far as is known. It is asked for where there is a doubt.
    pub(crate) async fn primary(&self, access: &Access, slot: u16) -> Result<Node, Failure> {
        match self {
            Self::Single(node) => Ok(node.clone()),
            Self::Learnt(learnt) => learnt.primary(access, slot).await,
        }
    }

    /// Takes in that something has failed that may come from a slot having another server now.
    pub(crate) fn doubt(&self, slot: u16) {
        if let Self::Learnt(learnt) = self {
            let mut known = learnt.known.lock();
            known.slots.forget_moved(slot);
            known.is_doubted = true;
        }
    }

    /// Takes in what a server says that does not have a slot: which one has it.
    pub(crate) fn moved(&self, slot: u16, to: Node) {
        if let Self::Learnt(learnt) = self {
            let mut known = learnt.known.lock();
            known.slots.set_moved(slot, to);
            // Other slots may have moved too.
            known.is_doubted = true;
        }
    }
}

impl Learnt {
    async fn primary(&self, access: &Access, slot: u16) -> Result<Node, Failure> {
        if self.is_to_learn(slot) {
            let _alone = self.learning.lock().await;
            if self.is_to_learn(slot) {
                self.learn(access).await?;
            }
        }
        let primary = self.known.lock().slots.primary(slot);
        primary.ok_or_else(|| {
            self.known.lock().is_doubted = true;
            Failure::uncovered(&access.location.server)
        })
    }

    fn is_to_learn(&self, slot: u16) -> bool {
        let known = self.known.lock();
        // What a server has just said of this slot is the newest that there is.
        let is_told = known.slots.has_moved(slot);
        let age = SystemClock.elapsed().saturating_sub(known.asked_at);
        known.is_doubted && !is_told && age >= LEARN_PAUSE
    }

    /// Asks the servers that are known, until one answers.
    async fn learn(&self, access: &Access) -> Result<(), Failure> {
        let nodes = {
            let known = self.known.lock();
            let mut nodes = match self.guide {
                Guide::Cluster => known.slots.nodes().to_vec(),
                Guide::Sentinels => Vec::new(),
            };
            let seeds = access.location.nodes().iter();
            let seeds: Vec<Node> = seeds.filter(|it| !nodes.contains(it)).cloned().collect();
            nodes.extend(seeds);
            let first = known.times % nodes.len().max(1);
            nodes.rotate_left(first);
            nodes
        };
        let asked = stream::iter(nodes).map(|node| async move { self.ask(access, &node).await });
        let mut asked = asked.buffer_unordered(ASKED_AT_A_TIME);
        let mut failed = Failure::uncovered(&access.location.server);
        let mut told = None;
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(slots) => {
                    told = Some(slots);
                    break;
                }
                Err(failure) => failed = failure,
            }
        }
        let mut known = self.known.lock();
        known.asked_at = SystemClock.elapsed();
        known.times = known.times.wrapping_add(1);
        known.slots = told.ok_or(failed)?;
        known.is_doubted = false;
        Ok(())
    }

    /// Asks a server, or a sentinel, which one has what.
    async fn ask(&self, access: &Access, node: &Node) -> Result<Slots, Failure> {
        match self.guide {
            Guide::Cluster => {
                let mut connected = connection::connect(access, node).await?;
                Slots::told_by(access, &mut connected).await
            }
            Guide::Sentinels => Ok(Slots::all_at(sentinel::primary(access, node).await?)),
        }
    }
}
