//! The profile `end_to_end`: the real runtime and client on the store under test.
//!
//! The other cases ask for one operation at a time; these ask for what programs are made of, and
//! every turn of them is replayed and compared. A case's clauses are those that the scenario leans
//! on most.

pub(crate) mod basics;
pub(crate) mod cancellation;
pub(crate) mod changed_types;
pub(crate) mod children;
pub(crate) mod delayed_starts;
pub(crate) mod deployments;
pub(crate) mod errors;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod fan_outs;
pub(crate) mod forks;
pub(crate) mod grace;
pub(crate) mod inspection;
pub(crate) mod lives;
pub(crate) mod looks;
pub(crate) mod mailbox;
pub(crate) mod nodes;
pub(crate) mod operations;
pub(crate) mod payloads;
pub(crate) mod peers;
pub(crate) mod poison;
pub(crate) mod progress;
pub(crate) mod queues;
pub(crate) mod restarts;
pub(crate) mod rewinds;
pub(crate) mod rewound_ends;
mod stage;
pub(crate) mod store_faults;
pub(crate) mod suspension;
pub(crate) mod timers;
pub(crate) mod values;
pub(crate) mod waits;
