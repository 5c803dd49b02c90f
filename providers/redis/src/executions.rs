//! Lists of executions.

use bytes::Bytes;
use duroxide_core::providers::{ExecutionRecord, InstanceId, ProviderError};
use serde::{Deserialize, Serialize};

use crate::codes::{Number, StatusCode};
use crate::look::Look;
use crate::provider::RedisProvider;

/// The executions of an instance from this one on.
#[derive(Debug, Serialize)]
pub(crate) struct ExecutionsLook<'a> {
    instance: &'a str,
    number: Option<Number>,
    from: u64,
}

#[derive(Debug, Deserialize)]
struct SeenExecutions {
    is_there: bool,
    #[serde(default)]
    number: Option<Number>,
    executions: Vec<SeenExecution>,
    /// With which one the next slice begins.
    #[serde(default)]
    next: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct SeenExecution {
    #[serde(rename = "x")]
    execution: u64,
    #[serde(rename = "s")]
    status: StatusCode,
    #[serde(rename = "o", default)]
    output: Option<Bytes>,
    #[serde(rename = "b")]
    begun_ms: u64,
    #[serde(rename = "e", default)]
    ended_ms: Option<u64>,
    #[serde(rename = "n")]
    next_event: Number,
}

impl From<SeenExecution> for ExecutionRecord {
    fn from(seen: SeenExecution) -> Self {
        Self {
            execution: seen.execution,
            status: seen.status.execution(),
            output: seen.output,
            started_at_ms: seen.begun_ms,
            completed_at_ms: seen.ended_ms,
            event_count: seen.next_event.0.saturating_sub(1),
        }
    }
}

impl RedisProvider {
    /// The executions of an instance that were not pruned (ADM-02).
    pub(crate) async fn executions_of(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let mut records: Vec<ExecutionRecord> = Vec::new();
        let (mut number, mut from) = (None, 0);
        let partition = self.setup.partitions.of(instance);
        loop {
            let look = Look::Executions(ExecutionsLook {
                instance,
                number,
                from,
            });
            let seen: SeenExecutions = self.look("list_executions", partition, look).await?;
            if !seen.is_there && number.is_none() {
                return Ok(Vec::new());
            }
            if !seen.is_there {
                // Another life, or none, has taken the place of the one that was looked at.
                records.clear();
                (number, from) = (None, 0);
                continue;
            }
            records.extend(seen.executions.into_iter().map(ExecutionRecord::from));
            match seen.next {
                Some(next) => (number, from) = (seen.number, next),
                None => return Ok(records),
            }
        }
    }
}
