//! The profile `random`: what a seed draws, compared with the reference or checked by invariants.

pub(crate) mod pairs;
pub(crate) mod smoke;
pub(crate) mod workers;
