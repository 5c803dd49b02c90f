//! What the parts of a provider share.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::entropy::Entropy;
use duroxide_core::providers::room::{Room, Taken};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::access::Access;
use crate::claim::{ClaimJob, Request};
use crate::codec;
use crate::codes::Id;
use crate::error::Failure;
use crate::hub::Hub;
use crate::lane::{Call, Lane, LaneEnds};
use crate::options::RedisOptions;
use crate::partition::{Partition, Partitions};
use crate::pool::Pool;
use crate::read::Read;
use crate::read_lane::ReadJob;
use crate::relay::{Rounds, Ways};
use crate::script::{Script, Scripts};
use crate::topology::Topology;

/// How long a partition may take while others wait for it.
const PROMPT_MAX: Duration = Duration::from_secs(2);

/// How many bytes an operation takes of the room for writes beside its bodies.
const OPERATION_BYTES: usize = 1024;

/// What the parts of a provider share.
pub(crate) struct Setup {
    pub(crate) access: Arc<Access>,
    pub(crate) topology: Topology,
    pub(crate) pool: Pool,
    pub(crate) scripts: Scripts,
    pub(crate) partitions: Partitions,
    /// Tells this process from others, anew each time.
    pub(crate) node: Id,
    pub(crate) hub: Hub,
    /// What is on its way between partitions.
    pub(crate) ways: Ways,
    pub(crate) rounds: Rounds,
    writes: Room,
    reads: Room,
    /// Told when the process is to be as if it had been killed.
    #[cfg(feature = "conformance")]
    pub(crate) death: tokio::sync::Notify,
}

impl Setup {
    /// What a store has of so many partitions, and the ends of its lanes that are to be served.
    pub(crate) fn new(
        access: Arc<Access>,
        topology: Topology,
        scripts: Scripts,
        partitions: NonZeroUsize,
    ) -> (Self, Vec<LaneEnds>) {
        let database = access.location.database();
        let prefix = &access.options.key_prefix;
        let (partitions, ends) = Partitions::new(prefix, database, partitions);
        let clock = Arc::clone(&access.options.clock);
        let setup = Self {
            topology,
            pool: Pool::default(),
            scripts,
            node: Id(Entropy.lease_token().0),
            hub: Hub::new(clock, partitions.count()),
            ways: Ways::default(),
            rounds: Rounds::new(partitions.count()),
            partitions,
            writes: Room::of(RedisOptions::QUEUED_WRITE_BYTES_MAX),
            reads: Room::of(RedisOptions::QUEUED_READS_MAX),
            #[cfg(feature = "conformance")]
            death: tokio::sync::Notify::new(),
            access,
        };
        (setup, ends)
    }

    /// What a partition answers, but for one that takes so long that the others are not to wait for it.
    pub(crate) async fn promptly<A>(
        &self,
        partition: &Partition,
        call: impl Future<Output = Result<A, Failure>>,
    ) -> Result<A, Failure> {
        if self.partitions.count() == 1 {
            return call.await;
        }
        let answered = tokio::time::timeout(PROMPT_MAX, call).await;
        answered.unwrap_or_else(|_| {
            partition.set_absent(true);
            Err(Failure::unanswered(&self.access.location.server))
        })
    }

    /// Calls a script, and waits for its answer. A caller who goes away leaves the call to be made.
    pub(crate) async fn call<Q: Serialize + Sync, A: DeserializeOwned>(
        &self,
        partition: &Partition,
        lane: Lane,
        script: Script,
        request: &Q,
    ) -> Result<A, Failure> {
        let server = &self.access.location.server;
        let argument = codec::encode(request);
        let argument = argument.map_err(|why| Failure::damaged(why, server))?;
        let room = match lane {
            Lane::Looks => Some(self.reads.take(1).await),
            Lane::Fronts | Lane::Leases | Lane::Relay => None,
        };
        let (reply, answer) = oneshot::channel();
        let call = Call {
            script,
            argument,
            reply,
            _room: room,
        };
        let is_taken = partition.call(lane, call);
        self.answered(is_taken, answer).await
    }

    /// Claims something, together with what others claim. A caller who goes away leaves the call to be made.
    pub(crate) async fn claim<A: DeserializeOwned>(
        &self,
        partition: &Partition,
        request: Request,
    ) -> Result<A, Failure> {
        let (reply, answer) = oneshot::channel();
        let is_taken = partition.claim(ClaimJob { request, reply });
        self.answered(is_taken, answer).await
    }

    /// Reads something, together with what others read.
    pub(crate) async fn read<A: DeserializeOwned>(
        &self,
        partition: &Partition,
        read: &Read<'_>,
    ) -> Result<A, Failure> {
        let server = &self.access.location.server;
        let argument = codec::encode(read).map_err(|why| Failure::damaged(&why, server))?;
        let (reply, answer) = oneshot::channel();
        let job = ReadJob {
            argument,
            reply,
            _room: self.reads.take(1).await,
        };
        let is_taken = partition.read(job);
        self.answered(is_taken, answer).await
    }

    /// Waits for the answer to what was brought to a lane, and reads it.
    async fn answered<A: DeserializeOwned, B: AsRef<[u8]>>(
        &self,
        is_taken: bool,
        answer: oneshot::Receiver<Result<B, Failure>>,
    ) -> Result<A, Failure> {
        let server = &self.access.location.server;
        if !is_taken {
            return Err(Failure::closed(server));
        }
        let answer = answer.await;
        let answer = answer.unwrap_or_else(|_| Err(Failure::abandoned(server)))?;
        codec::decode(answer.as_ref()).map_err(|why| Failure::damaged(&why, server))
    }

    /// Waits for room for operations with so many bytes of bodies.
    pub(crate) async fn room_for_writes(&self, operations: usize, bytes: usize) -> Taken {
        let units = operations.saturating_mul(OPERATION_BYTES);
        self.writes.take(units.saturating_add(bytes)).await
    }

    /// Never returns, unless the process is to be as if it had been killed.
    pub(crate) async fn killed(&self) {
        #[cfg(feature = "conformance")]
        self.death.notified().await;
        #[cfg(not(feature = "conformance"))]
        std::future::pending::<()>().await;
    }

    /// Takes on nothing more. What is queued is done, and then everything ends.
    pub(crate) fn close(&self) {
        self.hub.close();
        self.partitions.close();
    }
}
