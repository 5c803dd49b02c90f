//! The relay's scripts on a real server, between two partitions of a store whose time the tests move.

mod copies;
mod ghosts;
mod order;
mod pair;
#[path = "../../tests/support/private_server.rs"]
mod private_server;
mod process;
mod rollbacks;
mod sender;
mod windows;
