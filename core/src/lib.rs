//! The engine, the runtime and the provider contract of duroxide.
//!
//! Programs depend on the `duroxide` crate, which re-exports all of this together with the
//! backends; a provider's crate depends on this one alone.

pub mod clock;
pub mod entropy;
pub mod event;
mod frame;
mod message;
pub mod providers;
mod replay;

pub use event::{AppErrorKind, ConfigErrorKind, ErrorDetails, Event, EventKind, PoisonMessageType};

/// The id of an instance's first execution.
pub const INITIAL_EXECUTION_ID: u64 = 1;
/// The id of an execution's first event.
pub const INITIAL_EVENT_ID: u64 = 1;
