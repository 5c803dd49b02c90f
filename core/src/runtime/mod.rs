//! Runs orchestrations and activities on a store.

pub mod observability;
pub mod registry;

mod activity_slots;
mod activity_worker;
mod attempts;
mod committer;
mod dispatcher;
mod give_back;
mod handler;
mod health;
mod isolation;
mod lease_keeper;
mod node;
mod obstacle;
#[cfg(test)]
mod one_activity;
mod options;
mod reserved;
mod rotation;
#[expect(clippy::module_inception, reason = "named after the type it holds")]
mod runtime;
mod served_queues;
mod service;
mod slots;
mod suspect;
mod turn;
mod warm;
mod watch;
mod worker_id;

pub use crate::client::OrchestrationStatus;
pub use handler::{ActivityHandler, FnActivity, FnOrchestration, OrchestrationHandler};
pub use health::{BlockingTurn, Fault, Health, HeldBack};
pub use observability::{LogFormat, MetricsSnapshot, ObservabilityConfig};
pub use options::{MismatchPolicy, RuntimeOptions};
pub use registry::{OrchestrationRegistry, OrchestrationRegistryBuilder, VersionPolicy};
pub use runtime::{OrchestrationDescriptor, Runtime};
