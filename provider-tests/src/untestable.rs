//! What no case can show.

/// The clauses that have no case, with the reason.
///
/// Of ERR-02 the cases show that `Unavailable` changed nothing. That an outcome nobody knows is
/// `CommitUnknown` needs a reply that is lost inside the provider; what the runtime makes of one is
/// shown with [`Faulty`](crate::Faulty).
pub const UNTESTABLE: &[(&str, &str)] = &[(
    "ERR-03",
    "needs a fault between the lease and the answer, which only a fault inside the provider is",
)];
