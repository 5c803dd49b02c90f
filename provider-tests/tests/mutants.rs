//! The suite has teeth: every deliberate fault is found by a case of each clause that it breaks.

#[path = "mutants/mod.rs"]
mod mutants;
