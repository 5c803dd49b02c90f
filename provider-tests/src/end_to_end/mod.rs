//! The profile `end_to_end`: the real runtime and client on the store under test.

pub(crate) mod basics;
