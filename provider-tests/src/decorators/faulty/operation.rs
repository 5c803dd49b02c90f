//! The operations of a provider, to count them and to name them in scripts.

/// An operation of [`Provider`](duroxide_core::providers::Provider) or of
/// [`ProviderAdmin`](duroxide_core::providers::ProviderAdmin).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `claim_turns`
    ClaimTurns,
    /// `claim_activities`
    ClaimActivities,
    /// `wait_for_work`
    WaitForWork,
    /// `commit`
    Commit,
    /// `renew`
    Renew,
    /// `release`
    Release,
    /// `read_history`
    ReadHistory,
    /// `read_mail`.
    ReadMail,
    /// `read_values`
    ReadValues,
    /// `read_head`
    ReadHead,
    /// `wait_for_change`
    WaitForChange,
    /// `maintain`
    Maintain,
    /// `close`
    Close,
    /// `read`
    Read,
    /// `read_with_execution`
    ReadWithExecution,
    /// `list_instances`
    ListInstances,
    /// `inspect`
    Inspect,
    /// `list_activities`
    ListActivities,
    /// `list_executions`
    ListExecutions,
    /// `delete_instance`
    DeleteInstance,
    /// `prune_executions`
    PruneExecutions,
    /// `metrics`
    Metrics,
}

impl Operation {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::ClaimTurns,
        Self::ClaimActivities,
        Self::WaitForWork,
        Self::Commit,
        Self::Renew,
        Self::Release,
        Self::ReadHistory,
        Self::ReadMail,
        Self::ReadValues,
        Self::ReadHead,
        Self::WaitForChange,
        Self::Maintain,
        Self::Close,
        Self::Read,
        Self::ReadWithExecution,
        Self::ListInstances,
        Self::Inspect,
        Self::ListActivities,
        Self::ListExecutions,
        Self::DeleteInstance,
        Self::PruneExecutions,
        Self::Metrics,
    ];

    /// The name of the method.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClaimTurns => "claim_turns",
            Self::ClaimActivities => "claim_activities",
            Self::WaitForWork => "wait_for_work",
            Self::Commit => "commit",
            Self::Renew => "renew",
            Self::Release => "release",
            Self::ReadHistory => "read_history",
            Self::ReadMail => "read_mail",
            Self::ReadValues => "read_values",
            Self::ReadHead => "read_head",
            Self::WaitForChange => "wait_for_change",
            Self::Maintain => "maintain",
            Self::Close => "close",
            Self::Read => "read",
            Self::ReadWithExecution => "read_with_execution",
            Self::ListInstances => "list_instances",
            Self::Inspect => "inspect",
            Self::ListActivities => "list_activities",
            Self::ListExecutions => "list_executions",
            Self::DeleteInstance => "delete_instance",
            Self::PruneExecutions => "prune_executions",
            Self::Metrics => "metrics",
        }
    }
}
