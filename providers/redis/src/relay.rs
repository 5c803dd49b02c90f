//! The relay: it brings messages from the partition in which they were sent to that of their receiver.
//!
//! `docs/adr/0018-redis.md` tells the protocol. Relays keep nothing that matters: any process runs them, any
//! number at a time.

mod brought;
mod maintain;
mod outgoing;
mod place;
mod rounds;
mod sent;
#[cfg(test)]
mod tests;
mod way;
mod wire;

pub(crate) use outgoing::{AllOutgoing, Sent};
pub(crate) use rounds::{Rounds, run as make_rounds};
pub(crate) use sent::Ways;
