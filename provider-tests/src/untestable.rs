//! What no case can show.

/// The clauses that have no case, with the reason.
pub const UNTESTABLE: &[(&str, &str)] = &[
    (
        "CLM-05",
        "a cost in time, which depends on the machine; the benchmarks show it",
    ),
    (
        "ERR-03",
        "needs a fault between the lease and the answer, which only a fault inside the provider is",
    ),
];
