//! The profile `random`: what a seed draws, compared with the reference or checked by invariants.

mod again;
pub mod model;
pub(crate) mod pairs;
pub(crate) mod workers;
