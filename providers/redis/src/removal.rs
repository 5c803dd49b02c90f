//! Removing instances, executions and values: what can be found goes at once, and what is long slice by
//! slice.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{DeleteMode, InstanceId, ProviderError, refusal};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::codes::Number;
use crate::error;
use crate::lane::Lane;
use crate::partition::Partition;
use crate::provider::RedisProvider;
use crate::script::Script;

/// What is to be removed, as the script is asked for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Sweep<'a> {
    Delete {
        instance: &'a str,
        is_forced: bool,
    },
    Prune {
        instance: &'a str,
        keep_last: u64,
        /// Which life of it, once the first slice has told.
        number: Option<Number>,
    },
    /// Whatever may go. A request is a map, which is not told from a list where it is empty.
    Maintain {
        is_due: bool,
    },
}

#[derive(Debug, Deserialize)]
struct Swept {
    /// Why nothing was removed.
    #[serde(rename = "no", default)]
    refusal: Option<Refusal>,
    #[serde(default)]
    count: u64,
    /// Whether nothing is left to remove.
    #[serde(default)]
    is_all: bool,
    #[serde(default)]
    number: Option<Number>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Refusal {
    NotFound,
    NotEnded,
    AwaitsControl,
}

impl Refusal {
    fn error(self, operation: &'static str, instance: &InstanceId) -> ProviderError {
        match self {
            Self::NotFound => error::not_found(operation, instance),
            Self::NotEnded => refusal::invalid(
                operation,
                instance,
                "the instance has not ended; cancel it first, or force the deletion",
            ),
            Self::AwaitsControl => refusal::awaits_control(operation, instance),
        }
    }
}

impl RedisProvider {
    async fn remove_slice(
        &self,
        operation: &'static str,
        partition: &Partition,
        sweep: Sweep<'_>,
    ) -> Result<Swept, ProviderError> {
        // Who asks for a removal is told where it may have happened all the same.
        let is_asked_for = !matches!(sweep, Sweep::Maintain { .. });
        let call = self
            .setup
            .call(partition, Lane::Looks, Script::Sweep, &sweep);
        call.await
            .map_err(|failure| failure.error(operation, is_asked_for))
    }

    /// Removes an instance (DEL-01, DEL-02, DEL-04, DEL-05). A long history goes with `maintain`.
    pub(crate) async fn delete(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "delete_instance";
        let sweep = Sweep::Delete {
            instance,
            is_forced: mode == DeleteMode::Force,
        };
        let partition = self.setup.partitions.of(instance);
        let swept = self.remove_slice(OPERATION, partition, sweep).await?;
        match swept.refusal {
            Some(refusal) => Err(refusal.error(OPERATION, instance)),
            None => Ok(()),
        }
    }

    /// Removes all executions but the last ones (DEL-03), and answers how many they were.
    pub(crate) async fn prune(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        const OPERATION: &str = "prune_executions";
        let partition = self.setup.partitions.of(instance);
        let (mut pruned, mut number) = (0_u64, None);
        loop {
            let sweep = Sweep::Prune {
                instance,
                keep_last,
                number,
            };
            let swept = self.remove_slice(OPERATION, partition, sweep).await?;
            if let Some(refusal) = swept.refusal {
                return Err(refusal.error(OPERATION, instance));
            }
            pruned = pruned.saturating_add(swept.count);
            if swept.is_all {
                return Ok(pruned);
            }
            number = swept.number;
        }
    }

    /// Removes what may go, slice by slice and for so long at most: expired instances and values, and what
    /// removed instances have left (EXP-02, EXP-03, VAL-04). Answers whether something is left.
    pub(crate) async fn sweep(&self, budget: Duration) -> Result<bool, ProviderError> {
        let over = SystemClock.sleep(budget);
        let each = self.setup.partitions.iter();
        // One that cannot be reached keeps none of the others from it.
        let all = join_all(each.map(|partition| self.sweep_partition(partition)));
        tokio::select! {
            biased;
            swept = all => swept.into_iter().collect::<Result<(), _>>().map(|()| false),
            () = over => Ok(true),
        }
    }

    async fn sweep_partition(&self, partition: &Partition) -> Result<(), ProviderError> {
        loop {
            let sweep = Sweep::Maintain { is_due: true };
            let swept = self.remove_slice("maintain", partition, sweep).await?;
            if swept.is_all {
                return Ok(());
            }
        }
    }
}
