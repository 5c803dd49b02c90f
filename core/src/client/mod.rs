//! What programs start, watch and steer orchestrations with.

mod check;
#[expect(clippy::module_inception, reason = "the file of the type Client")]
mod client;
mod error;
#[cfg(test)]
mod fake;
mod manage;
mod send;
mod start;
mod status;
mod wait;

pub use client::Client;
pub use error::ClientError;
pub use start::StartOptions;
pub use status::OrchestrationStatus;
