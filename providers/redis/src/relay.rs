//! The relay: it brings messages from the partition in which they were sent to that of their receiver.
//!
//! `docs/adr/0018-redis.md` tells the protocol. Relays keep nothing that matters: any process runs them, any
//! number at a time.

mod place;
#[cfg(test)]
mod tests;
mod wire;
