//! The way of calls to the server that has a partition.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};

use crate::connection::{Connected, ScriptCall};
use crate::error::Failure;
use crate::partition::Partition;
use crate::pool::Purpose;
use crate::script::Script;
use crate::setup::Setup;

/// How often a call goes where a server says that the partition is.
const REDIRECTS_MAX: usize = 4;
/// How often a call is made again while the keys of the partition are being moved.
const MOVING_TRIES_MAX: usize = 3;
/// How long to wait before that.
const MOVING_PAUSE: Duration = Duration::from_millis(20);

/// The way of calls to the server that has a partition, wherever that is at the moment.
#[derive(Clone)]
pub(crate) struct Link {
    setup: Arc<Setup>,
    partition: Arc<Partition>,
    purpose: Purpose,
}

impl Link {
    pub(crate) fn new(setup: &Arc<Setup>, partition: &Arc<Partition>, purpose: Purpose) -> Self {
        Self {
            setup: Arc::clone(setup),
            partition: Arc::clone(partition),
            purpose,
        }
    }

    pub(crate) fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// A connection to the server that has the partition.
    pub(crate) async fn connected(&self) -> Result<Connected, Failure> {
        let Setup {
            access,
            topology,
            pool,
            ..
        } = &*self.setup;
        let slot = self.partition.slot;
        let node = topology.primary(access, slot).await?;
        let failure = match pool.get(access, &node, self.purpose).await {
            Err(failure) if topology.may_change() => failure,
            connected => return connected,
        };
        // Another one may have taken over.
        topology.doubt(slot);
        let other = topology.primary(access, slot).await?;
        if other == node {
            return Err(failure);
        }
        let connected = pool.get(access, &other, self.purpose).await;
        connected.inspect_err(|_| topology.doubt(slot))
    }

    /// Calls a script. A server that refuses since it does not have the partition has done nothing, and
    /// the call goes to the one that has. A call whose answer is lost is made once.
    pub(crate) async fn call(
        &self,
        mut connected: Connected,
        script: Script,
        argument: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let Setup {
            access,
            topology,
            scripts,
            ..
        } = &*self.setup;
        let slot = self.partition.slot;
        let call = ScriptCall {
            script,
            key_tag: &self.partition.key_tag,
            argument,
        };
        let (mut redirects, mut tries) = (0, 0);
        loop {
            let failure = match connected.call(access, scripts, call).await {
                Ok(answer) => {
                    if script == Script::Commit {
                        connected.confirm(access).await?;
                    }
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            if failure.is_being_moved() && tries < MOVING_TRIES_MAX {
                tries += 1;
                SystemClock.sleep(MOVING_PAUSE).await;
            } else if let Some((host, port)) = failure.moved_to()
                && redirects < REDIRECTS_MAX
            {
                redirects += 1;
                topology.moved(slot, connected.node.beside(host, port));
            } else {
                if failure.puts_place_in_doubt() {
                    topology.doubt(slot);
                }
                return Err(failure);
            }
            connected = self.connected().await?;
        }
    }
}
