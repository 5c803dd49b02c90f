//! The model, its explorer, and what must hold.

mod chain;
mod checks;
mod explore;
mod mutants;
mod protocol;
mod shared;
mod truth;
mod world;
