//! The servers that the tests of some backends need: found, or started for as long as they run.
//!
//! [`server`] answers with the one server of its kind that a test process has. A
//! [`Fixture`](crate::Fixture) gives each of its stores a namespace of its own there.
//!
//! It looks in this order, and takes the first that is there:
//!
//! 1. the URL in an environment variable, such as `DUROXIDE_TEST_POSTGRES_URL`;
//! 2. with the feature `containers`, a container, where a Docker engine answers and the image is
//!    there or can be pulled; `DUROXIDE_TEST_POSTGRES_IMAGE` says which image;
//! 3. the programs that are installed, run in a temporary folder on a free port.
//!
//! What it starts ends with the process, however that ends. If there is nothing, the error says
//! for each way why not, and what to install or to set.

mod cluster;
#[cfg(feature = "containers")]
mod container;
mod greeting;
mod kind;
mod local;
mod ports;
mod programs;
mod server;

pub use kind::ServerKind;
pub use ports::free_port;
pub use server::{Origin, Server, environment, server};
