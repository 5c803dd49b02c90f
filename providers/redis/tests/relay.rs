//! The relay of the Redis provider between the partitions of a Cluster, as a model that is explored
//! exhaustively: what `docs/adr/0018-redis.md` promises holds in every state that can be reached.

#[path = "relay/mod.rs"]
mod relay;
