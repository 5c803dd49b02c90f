//! History: what happened to an execution, in order.

mod announcement;
mod children;
mod chunk;
mod details;
mod entry;
mod forked;
mod kind;
mod rewound;
mod rules;
#[cfg(test)]
mod started;

pub use crate::frame::{ContentError, DecodeError};
pub use announcement::CancelAnnouncement;
pub(crate) use announcement::announced_by;
pub(crate) use children::open_children;
pub(crate) use chunk::{commit_mark, decode_entries_after, encode_chunk_after};
pub use chunk::{decode_chunk, decode_entries, encode_chunk};
pub use details::{AppErrorKind, ConfigErrorKind, ErrorDetails, PoisonMessageType};
pub use entry::{Entry, Event};
pub use forked::Forked;
pub(crate) use forked::is_unmade_fork;
pub use kind::EventKind;
pub use rewound::Rewound;
pub(crate) use rules::{FIRST_RULES, RULES};
#[cfg(test)]
pub(crate) use started::Started;
