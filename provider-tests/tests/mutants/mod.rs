//! Mutants of the in-memory provider, and who kills them.

mod checks;
mod committed;
mod faults;
mod kill;
mod mutant;
mod report;
mod rewrite;
mod shared;
mod table;
