//! What can go wrong in a run.

use duroxide_core::ClientError;

use crate::load::BEHIND_MAX;

/// What went wrong in a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A call of the client has failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An instance has not done what it must.
    #[error("{id}: {what}")]
    Wrong { id: String, what: String },
    /// The backend cannot be had.
    #[error("{0}")]
    Unavailable(String),
    /// What was asked for cannot be.
    #[error("{0}")]
    Usage(String),
    /// Somebody wanted it to end.
    #[error("it was interrupted before it could be measured")]
    Interrupted,
    /// So many operations are under way that an open loop is given up.
    #[error(
        "the backend does not follow: {BEHIND_MAX} operations are under way; choose a lower --rate"
    )]
    Behind,
    /// Something of this machine has failed.
    #[error("{what}: {cause}")]
    Machine {
        what: &'static str,
        #[source]
        cause: std::io::Error,
    },
}

impl Failure {
    pub(crate) fn wrong(id: &str, what: String) -> Self {
        Self::Wrong {
            id: id.to_owned(),
            what,
        }
    }

    /// Names what was tried when the system refused.
    pub(crate) fn machine(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Machine { what, cause }
    }
}
