//! What an orchestration's code is written with.

mod activity_options;
mod combinators;
mod context;
mod durable_future;
mod retry;
mod retry_policy;
mod schedule;
mod start_options;
mod values;

pub use crate::replay::DurableOutput;
pub use activity_options::ActivityOptions;
pub use combinators::{JoinFuture, SelectFuture};
pub use context::{LogLevel, OrchestrationContext};
pub use durable_future::{ContinueAsNewFuture, DurableFuture, MappedFuture};
pub use retry_policy::{BackoffStrategy, RetryPolicy};
pub use start_options::StartOptions;
