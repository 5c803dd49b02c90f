//! History: what happened to an execution, in order.

mod chunk;
mod details;
mod entry;
mod kind;

pub use crate::frame::{ContentError, DecodeError};
pub use chunk::{decode_chunk, decode_entries, encode_chunk};
pub use details::{AppErrorKind, ConfigErrorKind, ErrorDetails, PoisonMessageType};
pub use entry::{Entry, Event};
pub use kind::EventKind;
