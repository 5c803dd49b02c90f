//! A proxy between a client and its server that breaks connections where a test says.
//!
//! A [`Proxy`] listens on a free port of the loopback interface, forwards to an [`Upstream`] and
//! knows, by a [`Framing`], where one message ends and the next begins. A test runs an operation
//! once to [count](Proxy::counts) its messages, and then once more for every
//! [`Boundary`]: the request never sent, torn in the middle, or arrived; the reply lost, torn or
//! arrived just before the end.
//!
//! ```
//! # use duroxide_provider_tests::network::{Fault, Framing, Proxy, Upstream};
//! # use std::net::SocketAddr;
//! # async fn operation(_: SocketAddr) {}
//! # async fn check(_: &Proxy) {}
//! # async fn example<F: Framing>(server: Upstream, framing: fn() -> F) -> std::io::Result<()> {
//! let proxy = Proxy::start(server, framing).await?;
//! operation(proxy.address()).await;
//! for boundary in proxy.counts().boundaries() {
//!     proxy.reset();
//!     proxy.arm(Fault::cut(boundary));
//!     operation(proxy.address()).await; // must not hang, and must not report what is not so
//!     assert_eq!(proxy.fired(), [Fault::cut(boundary)]);
//!     proxy.settled().await; // the server has done what it does with what it got
//!     check(&proxy).await;
//! }
//! # Ok(())
//! # }
//! ```

mod framing;
mod plan;
mod proxy;
mod relay;
mod state;
mod upstream;

pub use framing::{EveryBytes, Framing, FramingError, Http, Postgres, Resp};
pub use plan::{Action, Boundary, Counts, Direction, Fault, Place};
pub use proxy::Proxy;
pub use upstream::Upstream;
