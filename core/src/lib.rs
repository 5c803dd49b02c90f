//! The engine, the runtime and the provider contract of duroxide.
//!
//! Programs depend on the `duroxide` crate, which re-exports all of this together with the
//! backends; a provider's crate depends on this one alone.

mod activity;
mod cancel_token;
pub mod client;
pub mod clock;
mod codec;
pub mod entropy;
pub mod event;
mod expiry;
mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod golden;
mod labels;
pub mod limits;
mod message;
mod orchestration;
mod progress;
pub mod providers;
mod queue_name;
mod replay;
pub mod runtime;
mod unfit_input;
mod values;

use std::sync::Arc;

pub use activity::ActivityContext;
pub use client::{
    ActivityList, CancelOptions, Client, ClientError, Deletion, DeletionFilter, ExecutionInfo,
    ForkAt, ForkOptions, InspectedActivity, InspectedInstance, InspectedMessage, InstanceInfo,
    InstanceList, InstanceQuery, PublishedValue, RaiseOptions, RaiseOutcome, RewindOptions,
    RewindTo, StartOptions, StartOutcome, ValueVersion,
};
pub use event::{AppErrorKind, ConfigErrorKind, ErrorDetails, Event, EventKind, PoisonMessageType};
pub use orchestration::{
    ActivityOptions, BackoffStrategy, ContinueAsNewFuture, DurableFuture, DurableOutput,
    JoinFuture, LogLevel, MappedFuture, OrchestrationContext, RetryPolicy, SelectFuture,
};
pub use providers::{IfExists, ProviderAdmin, QueueDepths, StoreMetrics, SystemMetrics};
pub use runtime::{
    ActivityHandler, OrchestrationDescriptor, OrchestrationHandler, OrchestrationRegistry,
    OrchestrationRegistryBuilder, OrchestrationStatus, RuntimeOptions,
};

/// A provider, shared.
pub type ProviderRef = Arc<dyn providers::Provider>;
/// An orchestration's code, shared.
pub type OrchestrationHandlerRef = Arc<dyn OrchestrationHandler>;

/// The id of an instance's first execution.
pub const INITIAL_EXECUTION_ID: u64 = 1;
/// The id of an execution's first event.
pub const INITIAL_EVENT_ID: u64 = 1;
