//! Looks of management. Each is made in slices, so that no call holds the server for long, however much
//! there is to see.

use serde::Serialize;
use serde::de::DeserializeOwned;

use duroxide_core::providers::ProviderError;

use crate::activities::ActivitiesLook;
use crate::executions::ExecutionsLook;
use crate::inspect::InstanceLook;
use crate::lane::Lane;
use crate::listing::InstancesLook;
use crate::metrics::{CountsLook, QueuesLook};
use crate::partition::Partition;
use crate::provider::RedisProvider;
use crate::script::Script;

/// A slice of a look, as the script is asked for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Look<'a> {
    Inspect(InstanceLook<'a>),
    Activities(ActivitiesLook<'a>),
    Executions(ExecutionsLook<'a>),
    Instances(InstancesLook<'a>),
    Counts(CountsLook<'a>),
    Queues(QueuesLook<'a>),
}

/// Says which instances a list or a count has passed over, and why.
pub(crate) fn tell_of_damaged(damaged: &[(String, String)]) {
    for (instance, why) in damaged {
        tracing::error!(
            target: "duroxide::redis",
            instance,
            why,
            "what is stored of the instance is damaged, and it is left out; delete it by force, or restore the \
             server from a backup"
        );
    }
}

impl RedisProvider {
    pub(crate) async fn look<A: DeserializeOwned>(
        &self,
        operation: &'static str,
        partition: &Partition,
        look: Look<'_>,
    ) -> Result<A, ProviderError> {
        let call = self.setup.call(partition, Lane::Looks, Script::Look, &look);
        call.await
            .map_err(|failure| failure.error(operation, false))
    }
}
