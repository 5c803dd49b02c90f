//! How an orchestration stands.

use crate::event::ErrorDetails;
use crate::message::Output;
use crate::providers::{ErrorKind, InstanceHead, InstanceStatus, ProviderError};

/// How an orchestration stands; after continue-as-new, its latest execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrchestrationStatus {
    /// There is no such instance.
    NotFound,
    /// It has not ended.
    Running,
    /// It ended with a result.
    Completed {
        /// The result.
        output: String,
    },
    /// It ended with an error, or was cancelled.
    Failed {
        /// Why.
        details: ErrorDetails,
    },
}

impl OrchestrationStatus {
    pub(super) fn of(head: Option<&InstanceHead>) -> Result<Self, ProviderError> {
        let Some(head) = head else {
            return Ok(Self::NotFound);
        };
        match head.status {
            InstanceStatus::Pending | InstanceStatus::Running => Ok(Self::Running),
            InstanceStatus::Completed | InstanceStatus::Failed => {
                let bytes = head.output.as_deref().unwrap_or_default();
                decode_output("read_head", head.instance.as_str(), bytes).map(Self::from)
            }
        }
    }
}

impl From<Output> for OrchestrationStatus {
    fn from(output: Output) -> Self {
        match output {
            Output::Completed(output) => Self::Completed { output },
            Output::Failed(details) => Self::Failed { details },
        }
    }
}

/// Decodes how an instance or an execution ended.
pub(super) fn decode_output(
    operation: &'static str,
    instance: &str,
    bytes: &[u8],
) -> Result<Output, ProviderError> {
    Output::decode(bytes).map_err(|error| {
        ProviderError::new(ErrorKind::Corrupt, operation, error.to_string())
            .with_context("instance", instance)
            .with_source(error)
    })
}
