//! The proxy breaks connections exactly where it is told to.

#[path = "proxy/conversation.rs"]
mod conversation;
#[path = "proxy/cuts.rs"]
mod cuts;
#[path = "proxy/framing.rs"]
mod framing;
#[path = "proxy/trouble.rs"]
mod trouble;
