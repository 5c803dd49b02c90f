//! The contract between the runtime and a store.
//!
//! A backend implements [`Provider`]; the normative text is `docs/provider-contract.md`, whose
//! clause ids the documentation here cites.

pub mod check;
pub mod error;
pub mod refusal;
pub mod room;
pub mod share;
pub mod watchers;

mod activity;
mod admin;
mod capabilities;
mod commit;
mod head;
mod history;
mod id;
mod lease;
mod mail;
mod message;
mod provider;
mod turn;
mod value;
mod wait;

pub use activity::{
    ActivityCancel, ActivityKey, ActivityOutcome, ClaimActivities, ClaimedActivity, NewActivity,
    Reservation,
};
pub use admin::{
    DeleteMode, ExecutionRecord, InstanceFilter, InstancePage, ProviderAdmin, QueueDepths,
    SystemMetrics,
};
pub use capabilities::{Capabilities, Durability, Limits, ProviderInfo};
pub use commit::{Commit, Committed};
pub use error::{ErrorKind, ProviderError, Retry};
pub use head::{ExecutionStatus, InstanceHead, InstanceStatus, Position};
pub use history::{HistoryChunk, HistoryPage, ReadHistory};
pub use id::{
    CommitId, Incarnation, InstanceId, InvalidInstanceId, LeaseToken, MessageId, TaskQueue, Topic,
    ValueKey,
};
pub use lease::{ActivityLease, Claimed, Lease, Release, ReleasedAttempts, Renewal, TurnLease};
pub use mail::{Mail, MailMark, MailPage, ReadMail, TopicCursor};
pub use message::{Channel, Delivery, Envelope, Message, NewInstance, Recipient};
pub use provider::Provider;
pub use turn::{ClaimTurns, ExecutionUpdate, Fence, HeadUpdate, Turn, TurnCommit, TurnCommitted};
pub use value::{InstanceValue, NewValue, ReadValues, ValueUpdate};
pub use wait::{Queues, Until, Watch};
