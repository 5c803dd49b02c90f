//! What programs start, watch and steer orchestrations with.

mod blocked;
mod cancel;
mod check;
#[expect(clippy::module_inception, reason = "the file of the type Client")]
mod client;
mod delete;
mod delete_many;
mod error;
#[cfg(test)]
mod fake;
mod fork;
mod info;
mod inspect;
mod listing;
mod manage;
mod raise;
mod rewind;
mod send;
mod start;
mod status;
mod values;
mod wait;

pub use crate::orchestration::StartOptions;
pub use cancel::CancelOptions;
pub use client::Client;
pub use delete_many::{Deletion, DeletionFilter};
pub use error::ClientError;
pub use fork::{ForkAt, ForkOptions};
pub use info::{ExecutionInfo, InstanceInfo};
pub use inspect::{ActivityList, InspectedActivity, InspectedInstance, InspectedMessage};
pub use listing::{InstanceList, InstanceQuery};
pub use raise::{RaiseOptions, RaiseOutcome};
pub use rewind::{RewindOptions, RewindTo};
pub use start::StartOutcome;
pub use status::OrchestrationStatus;
pub use values::{PublishedValue, ValueVersion};
