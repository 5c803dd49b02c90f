//! One turn of an instance: from a claim to a commit.

mod again;
mod changed_values;
mod code;
mod draft;
mod ending;
mod feed;
mod forced;
mod fork;
mod fork_reading;
mod fused;
mod give_back;
mod inbox;
mod load;
mod mailbox;
mod management;
mod occasion;
mod open;
mod process;
mod publish;
mod rewind;
mod scope;
mod shadow;

pub(super) use draft::within;
pub(super) use fused::{Fused, run_with_outcome, take_waiting};
pub(super) use load::{FirstPage, read_ahead};
pub(super) use occasion::{Occasion, turn_bytes_max};
pub(super) use open::is_cold;
pub(super) use process::run;
