//! The profile `random`: what a seed draws, compared with the reference or checked by invariants.

pub mod model;
