//! One turn of an instance: from a claim to a commit.

mod code;
mod draft;
mod ending;
mod feed;
mod inbox;
mod load;
mod process;
mod publish;

pub(super) use draft::within;
pub(super) use process::run;
