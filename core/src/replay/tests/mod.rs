//! The points of the engine, each as a small table of steps.

mod bench;
mod cancellation;
mod combinators;
mod external;
mod failures;
mod matching;
mod programs;
